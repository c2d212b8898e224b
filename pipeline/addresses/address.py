"""Addresses: URLs and folders whose text is the public one, so that no way out can forget to hide a credential.

as written                                     as shown, logged, serialised
https://mia:pass@host/cdd?key=k#f              https://host/cdd
postgresql://mia@host/name?password=pass       postgresql://host/name
s3://KEY:SECRET@bucket/site                    s3://bucket/site
https://{secret:CDD}@host/cdd                  https://host/cdd
/srv/coincast/site                             /srv/coincast/site
https://hooks.example/T1/B2/token (webhook)    https://hooks.example
"""

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn, Self
from urllib.parse import quote

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from pipeline.addresses.parts import is_clear, is_readable, links_of, parts_of

_REFERENCE: Final = re.compile(r"\{secret:([A-Za-z0-9_-]+)\}")
_LITERAL: Final = re.compile(r"=[^&;]|^[^=]+$")


class Address:
    """A URL or a folder. Its text is the public form; whoever opens the connection asks for the full one.

    A part may be a reference instead of a credential: `{secret:NAME}`.

    Args:
        text: As the operator wrote it.

    Example:
        >>> f"{Address('https://mia:pass@host/cdd?key=k')}"
        'https://host/cdd'
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: "str | Address" = "") -> None:
        object.__setattr__(self, "_text", text._text if isinstance(text, Address) else text)

    def reveal(self, secret: Callable[[str], str]) -> str:
        """The full address, for the one call that opens the connection.

        Args:
            secret: The value of a reference's name; it is escaped where it stands in a part of the address.
        """
        if whole := _REFERENCE.fullmatch(self._text):
            return secret(whole[1])
        return _REFERENCE.sub(lambda found: quote(secret(found[1]), safe=self._kept(found)), self._text)

    @property
    def holds_secret(self) -> bool:
        """Whether a credential itself stands in it, and not only references to some."""
        literal = (parts_of(link) for link in links_of(_REFERENCE.sub("", self._text)))
        return any(
            one.login.partition(":")[2] or (one.web and one.login.strip(":")) or _LITERAL.search(one.rest)
            for one in literal
        )

    @property
    def fault(self) -> str:
        """Why it must be opened by nobody, and what to do; empty where its login can be told from its host."""
        text = _REFERENCE.sub("x", self._text)
        if "{secret:" in text:
            return "{secret:NAME} needs a name of letters, digits, - and _"
        if all(map(is_clear, links_of(text))):
            return ""
        if "@" not in text and not all(map(is_readable, links_of(text))):
            return f"{str(self)[:40]!r} cannot be read as a URL"
        return (
            f"{str(self)[:80]!r} is no URL whose login can be told from its host: in a user, a password and a key write"
            " %40 for @, %2F for /, %3F for ?, %23 for #, %5C for \\, or refer to a credential by {secret:NAME}"
        )

    @property
    def stored(self) -> str:
        """For parameters, records and databases: as it was written, or the public form where it holds a credential."""
        return str(self) if self.holds_secret else self._text

    def __str__(self) -> str:
        return "::".join(map(self._public, links_of(self._text)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def __fspath__(self) -> str:
        """A folder is a path; of a URL this is the public form too."""
        return str(self)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("an address does not change; make another")

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._text,)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._checked,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )

    @classmethod
    def _checked(cls, value: object) -> Self:
        if not isinstance(value, str | Address):
            raise ValueError("give a URL or a folder, in quotes")  # noqa: TRY004 - pydantic takes this one
        return cls(value)

    def _public(self, link: str) -> str:
        return parts_of(link).public

    def _kept(self, found: re.Match[str]) -> str:
        """Characters that a reference's value keeps: those that part it from itself where it stands alone."""
        before, after = self._text[: found.start()], self._text[found.end() :]
        if before.endswith("://") and after.startswith("@"):
            return ":"
        if before.endswith("?") and after[:1] in ("", "#"):
            return "&=;%+/"
        in_path = "/" in before.rpartition("://")[2] and "?" not in before
        return "/" if in_path else ""


class WebhookAddress(Address):
    """An address whose path is a credential too, as those of chat rooms are: only scheme and host are public."""

    __slots__ = ()

    @property
    def holds_secret(self) -> bool:
        """A path is one, too."""
        parts = parts_of(_REFERENCE.sub("", self._text))
        return super().holds_secret or bool(parts.place.partition("/")[2].strip("/"))

    def _public(self, link: str) -> str:
        parts = parts_of(link)
        if parts.scheme:
            # An `@` behind the host is of the path, or of a password with a `/`: the host cannot be told from it.
            host = "…" if parts.place.startswith("…") else parts.place.partition("/")[0]
            return f"{parts.scheme}://{host}"
        return "…" if _REFERENCE.sub("", link) else link
