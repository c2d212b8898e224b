"""Prefect's server and its like by REST: where it is, whether it answers, and what it keeps as Secret blocks."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from flows.edges.words import one_line

_LIMIT_S: Final = 3.0


@dataclass(frozen=True)
class Answer:
    """What a server said.

    Attributes:
        status: HTTP status; 0 where there was no answer.
        reason: In words, one bounded line.
        content: The JSON object it sent; empty where it sent none.
        rows: The objects of the JSON list it sent; empty where it sent none.
    """

    status: int
    reason: str
    content: dict[str, Any]
    rows: tuple[dict[str, Any], ...] = ()

    @property
    def fine(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300


def prefect_api() -> str:
    """PREFECT_API_URL of the environment or of Prefect's profile, without a slash at its end; empty for neither."""
    return _prefect_setting("PREFECT_API_URL").rstrip("/")


def prefect_credentials() -> str:
    """PREFECT_API_AUTH_STRING, which a protected server asks for, or what our own server asks for; else empty."""
    return _prefect_setting("PREFECT_API_AUTH_STRING") or os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "")


def _prefect_setting(name: str) -> str:
    """As Prefect itself finds it: a variable wins over what `prefect config set` wrote."""
    if name in os.environ:
        return os.environ[name]
    from prefect.settings import load_current_profile

    return load_current_profile().to_environment_variables().get(name, "")


def secret_block(name: str) -> str:
    """Value of a Secret block of Prefect's server; empty where no server is named or it has no such block."""
    from prefect.settings import get_current_settings

    # In a flow the server may be one that the command itself has started.
    api = (get_current_settings().api.url or prefect_api()).rstrip("/")
    if not api:
        return ""
    block = f"{api}/block_types/slug/secret/block_documents/name/{name}?include_secrets=true"
    value = ask(block, credentials=prefect_credentials()).content.get("data", {}).get("value", "")
    return value if isinstance(value, str) else ""


def ask(
    url: str, *, credentials: str = "", content: Mapping[str, Any] | None = None, method: str = ""
) -> Answer:
    """One request with a time-out of three seconds and no retry.

    Args:
        url: Of what.
        credentials: As `user:password`; empty for none.
        content: JSON that is sent; None for none.
        method: Of HTTP; default: POST where there is content, else GET.
    """
    user, _, password = credentials.partition(":")
    try:
        reply = requests.request(
            method or ("GET" if content is None else "POST"),
            url,
            json=content,
            auth=(user, password) if user else None,
            timeout=_LIMIT_S,
            allow_redirects=False,
        )
    except (requests.RequestException, ValueError) as error:
        return Answer(0, _words(error), {})
    return _answer(reply)


def _answer(reply: requests.Response) -> Answer:
    try:
        content = reply.json()
    except requests.JSONDecodeError:
        content = None
    return Answer(
        reply.status_code,
        reply.reason,
        content if isinstance(content, dict) else {},
        tuple(content) if isinstance(content, list) else (),
    )


def _words(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer within {_LIMIT_S:.0f} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return one_line(error, limit=120)
