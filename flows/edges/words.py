"""What others say, as a line that may be shown: bounded, and without credentials."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from flows.edges.known_secrets import known_secrets
from pipeline.addresses.address import Address
from pipeline.addresses.secret_values import public_text

# Signs behind a scheme that tell one argument from another.
_TELLING: Final = 6


def one_line(error: BaseException, *, limit: int = 300) -> str:
    """An error's text in one bounded line, without credentials; its type where it says nothing."""
    text = " ".join(without_secrets(str(error)).split()) or type(error).__name__
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def without_secrets(text: str) -> str:
    """A text without the credentials that this process knows, and those that stand in addresses.

    Example:
        >>> without_secrets("no answer from https://mia:secret@models.example/api")
        'no answer from https://models.example/api'
    """
    return public_text(text, known_secrets())


def without_arguments(text: str, arguments: Iterable[str]) -> str:
    """`without_secrets`, and every argument that is repeated in it as the address that may be shown.

    Args:
        text: What is said of the arguments.
        arguments: Those of the command line: any may be an address, where it belongs or where it does not.

    Example:
        >>> without_arguments("Got unexpected extra argument (https://mia:p@h/x?k=K)", ["https://mia:p@h/x?k=K"])
        'Got unexpected extra argument (https://h/x)'
    """
    words = {word for one in arguments for word in (one, one.partition("=")[2]) if word}
    for written in sorted(
        {form for word in words for form in (word, str(Path(word)))}, key=len, reverse=True
    ):
        if (shown := str(Address(written))) != written:
            text = text.replace(_as_said(written, text), shown)
    return without_secrets(text)


def _as_said(argument: str, text: str) -> str:
    """The argument, or the longest beginning of it that stands in the text: messages are cut short."""
    # What stands before `=` is the name of a field: by itself it tells nothing.
    scheme = argument.find(":/")
    shortest = scheme + _TELLING if scheme >= 0 else max(_TELLING, argument.find("=") + 2)
    lengths = range(len(argument), min(shortest, len(argument) - 1), -1)
    return next((argument[:length] for length in lengths if argument[:length] in text), argument)
