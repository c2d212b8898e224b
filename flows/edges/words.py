"""What others say, as a line that may be shown: bounded, and without credentials."""

from flows.edges.known_secrets import known_secrets
from pipeline.addresses.secret_values import public_text


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
