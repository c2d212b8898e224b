"""Credentials in the words of others: which values are secret, in which forms, and a text without them."""

import re
from base64 import b64encode
from collections.abc import Collection, Iterator
from functools import lru_cache, partial
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from pipeline.addresses.parts import Parts, links_of, parts_of

HIDDEN: Final = "***"
_ANYWHERE: Final = "password|passwd|secret|token"
_WHOLE: Final = "pwd|apikey|key|sig|signature|auth|credentials?"
_NAMES: Final = rf"(?:[\w.-]*(?:{_ANYWHERE})|(?:[\w.-]*[_.-])?(?:{_WHOLE}))"
_IS_SECRET_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
_NAMED: Final = re.compile(rf"((?:^|[?&;\s'\"(]){_NAMES}=)[^\s&;'\"<>)]+", re.IGNORECASE)
# A path takes two slashes for one; a login with an unescaped `/` or `@` ends at the last `@` of the word.
_LOGIN: Final = re.compile(r"(?<=[A-Za-z0-9+.-]:/)(?!//)(/?)[^\s'\"<>]*@")
# Shorter values are words of any text; those up to the next bound are hidden where they stand alone.
_SHORTEST: Final = 4
_UNMISTAKABLE: Final = 8
_LONG_NAME: Final = 12


def public_text(text: str, secrets: Collection[str] = ()) -> str:
    """A text without these values, and without the users, passwords and keys of the addresses in it.

    Args:
        text: Of any kind.
        secrets: From `secrets_of` and `forms_of`.

    Example:
        >>> public_text("no answer from https://mia:pass@models.example/api?token=t")
        'no answer from https://models.example/api?token=***'
    """
    if secrets:
        text = _any_of(frozenset(secrets)).sub(HIDDEN, text)
    return _NAMED.sub(rf"\g<1>{HIDDEN}", _LOGIN.sub(r"\1", text))


def is_secret_name(name: str) -> bool:
    """Whether a field or a variable of this name holds a credential."""
    return bool(_IS_SECRET_NAME.fullmatch(name))


def secrets_of(text: str, *, path_too: bool = False) -> frozenset[str]:
    """The credentials of a full address, in every form in which others repeat them.

    Args:
        text: A full address.
        path_too: Its path is a credential as well.
    """
    found: set[str] = set()
    for link in links_of(text):
        parts = parts_of(link)
        found.update(_of_login(parts), _of_rest(parts.rest))
        if path_too and parts.scheme:
            path = parts.place.partition("/")[2]
            found.update({path}, (part for part in path.split("/") if len(part) >= _UNMISTAKABLE))
    return forms_of(*found)


def forms_of(*values: str) -> frozenset[str]:
    """These secrets as they are and as addresses escape them; what is too short to be told apart is left out."""
    plain = {way(value) for value in values for way in (str, unquote, unquote_plus)}
    escapes = (str, quote, partial(quote, safe=""), quote_plus)
    forms = (escape(value) for value in plain for escape in escapes)
    return frozenset(form for form in forms if len(form) >= _SHORTEST)


def basic(user: str, password: str) -> str:
    """What HTTP's basic authentication makes of a login."""
    return b64encode(f"{user}:{password}".encode()).decode()


def _of_login(parts: Parts) -> Iterator[str]:
    user, colon, password = parts.login.partition(":")
    if not colon:
        yield from (user,) if parts.web else ()
        return
    yield password
    yield from {basic(user, password), basic(unquote(user), unquote(password))}
    # A user's name is a word like any other, unless it is quoted or as long as a key.
    if len(user) >= _LONG_NAME:
        yield user
    elif len(user) >= _SHORTEST:
        yield from (f'"{unquote(user)}"', f"'{unquote(user)}'")


def _of_rest(text: str) -> Iterator[str]:
    """Values of a query: those of telling names, and those that are long."""
    for field in re.split(r"[&;#?]", text):
        name, sign, value = field.partition("=")
        value = value if sign else name
        if is_secret_name(unquote_plus(name)) or len(value) >= _UNMISTAKABLE:
            yield value


@lru_cache(maxsize=16)
def _any_of(secrets: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_standing, sorted(secrets, key=len, reverse=True))))


def _standing(secret: str) -> str:
    text = re.escape(secret)
    return text if len(secret) >= _UNMISTAKABLE else rf"(?<!\w){text}(?!\w)"
