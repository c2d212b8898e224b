"""What of an address is public: the one place that knows.

What is ambiguous is hidden: a password may hold an unescaped `/`, `?` or `@`.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

# fsspec chains its URLs: simplecache::s3://bucket/site; an IPv6 host has two colons too.
_CHAINED: Final = re.compile(r"::(?=[a-z][a-z0-9+.-]*(?:://|::|$))")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
_FIELD: Final = re.compile(r"[\w.%-]+=")
# Drivers' own forms of an address are fields alone: host=h password=p.
_FIELDS: Final = re.compile(r"[\w.%-]+=[^/]*")
# Some put fields behind a path, or take `&` for `?`.
_URL_END: Final = re.compile(r"[?#]|[;&](?=[\w.%-]+=)")
_FOLDER_END: Final = re.compile(r"[?#]")
# With one `@` at most, and no sign before it that ends a login for one library and not for another.
_CLEAR: Final = re.compile(
    r"(?:[^/?#\\@\[\]\x00-\x1f]*@)?(?:\[[^\]@]*\]|[^/?#\\@:\[\]\s]+)(?::\d*)?(?:[/?#][^@]*)?"
)
_WEB: Final = frozenset({"http", "https"})


@dataclass(frozen=True, repr=False)
class Parts:
    """An address taken apart.

    Attributes:
        scheme: As `https`; empty for a folder.
        login: What stands before `@`; it is rather taken too long than too short.
        place: What may be shown behind the scheme.
        rest: What follows `?` or `#`.
    """

    scheme: str
    login: str
    place: str
    rest: str

    @property
    def public(self) -> str:
        """What may be shown."""
        return f"{self.scheme}://{self.place}" if self.scheme else self.place

    @property
    def web(self) -> bool:
        """Whether a user without a password is a credential by itself, as tokens are."""
        return self.scheme.lower() in _WEB


def links_of(text: str) -> list[str]:
    """The addresses that a chained one is made of; of any other, itself."""
    return _CHAINED.split(text)


def is_readable(link: str) -> bool:
    """Whether it is a folder, or a URL whose host and port can be told at all."""
    if "://" not in link:
        return True
    try:
        _ = urlsplit(link).port
    except ValueError:
        return False
    return True


def is_clear(link: str) -> bool:
    """Whether everybody who takes a URL apart finds the same login and the same host in it; a folder always is.

    Others put into their errors what they took for a host or a port: of an unclear one that is a credential.

    Args:
        link: From `links_of`.
    """
    scheme, separator, rest = link.partition("://")
    if not (separator and _SCHEME.fullmatch(scheme)) or rest.startswith("/"):
        return True
    return is_readable(link) and (not rest or bool(_CLEAR.fullmatch(rest)))


def parts_of(link: str) -> Parts:
    """Take one address apart.

    Args:
        link: From `links_of`.
    """
    scheme, separator, rest = link.partition("://")
    return _of_url(scheme, rest) if separator and _SCHEME.fullmatch(scheme) else _of_folder(link)


def _of_url(scheme: str, text: str) -> Parts:
    visible, rest = _cut(text, _URL_END)
    login, _, place = visible.rpartition("@")
    host = place.partition("/")[0]
    if "@" in rest or "%40" in host or not _HOST.fullmatch(host):
        return Parts(scheme, text.rpartition("@")[0] or host, "…", rest)
    return Parts(scheme, login, f"…@{place}" if "/" in login else place, rest)


def _of_folder(text: str) -> Parts:
    """A folder is all public, unless it is a URL whose `://` was forgotten or misspelt."""
    if text.startswith(("/", ".", "~")) and not text.startswith("//"):
        return Parts("", "", text, "")
    if _FIELDS.fullmatch(text):
        return Parts("", "", "…", text)
    login, at, place = text.rpartition("@")
    if at and (":" in login or text.startswith("//")):
        return Parts("", login.rpartition("/")[2] if "//" in login else login, *_cut(place, _FOLDER_END))
    visible, rest = _cut(text, _FOLDER_END)
    return Parts("", "", visible, rest) if _FIELD.match(rest) else Parts("", "", text, "")


def _cut(text: str, end: re.Pattern[str]) -> tuple[str, str]:
    found = end.search(text)
    return (text[: found.start()], text[found.start() + 1 :]) if found else (text, "")
