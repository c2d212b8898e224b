"""What others say, as a line that may be shown: bounded, and without the secrets of the addresses in it."""

import re
from typing import Final

_SECRETS: Final = re.compile(r"(?<=://)[^/\s]*@")


def one_line(error: BaseException, *, limit: int = 300) -> str:
    """An error's text in one bounded line, without users and passwords."""
    text = " ".join(without_secrets(str(error)).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def without_secrets(text: str) -> str:
    """A text whose addresses have no user and password any more.

    Example:
        >>> without_secrets("no answer from https://mia:secret@models.example/api")
        'no answer from https://models.example/api'
    """
    return _SECRETS.sub("", text)
