"""Servers that others run: whether they answer, and what Prefect's says of a deployment."""

import os
from dataclasses import dataclass
from typing import Any, Final

import requests

_LIMIT_S: Final = 3.0


@dataclass(frozen=True)
class Answer:
    """What a server said.

    Attributes:
        status: HTTP status; 0 where there was no answer.
        reason: In words, one bounded line.
        content: The JSON object it sent; empty where it sent none.
    """

    status: int
    reason: str
    content: dict[str, Any]

    @property
    def fine(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300


def prefect_api() -> str:
    """PREFECT_API_URL, without a slash at its end; empty where it is not set."""
    return os.environ.get("PREFECT_API_URL", "").rstrip("/")


def prefect_credentials() -> str:
    """PREFECT_API_AUTH_STRING, which a protected server asks for; empty where it is not set."""
    return os.environ.get("PREFECT_API_AUTH_STRING", "")


def ask(url: str, *, credentials: str = "") -> Answer:
    """One GET with a time-out of three seconds and no retry.

    Args:
        url: Of what.
        credentials: As `user:password`; empty for none.
    """
    user, _, password = credentials.partition(":")
    try:
        reply = requests.get(
            url, auth=(user, password) if user else None, timeout=_LIMIT_S, allow_redirects=False
        )
    except (requests.RequestException, ValueError) as error:
        return Answer(0, _words(error), {})
    return Answer(reply.status_code, reply.reason, _object(reply))


def _object(reply: requests.Response) -> dict[str, Any]:
    try:
        content = reply.json()
    except requests.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _words(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer within {_LIMIT_S:.0f} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return " ".join(str(error).split())[:120]
