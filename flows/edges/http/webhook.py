"""Tell one address of each publication: signed, tried a few times, never in the way of publishing."""

import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal

from flows.edges.credentials import full_address, full_secret
from pipeline.addresses.address import Address, WebhookAddress
from pipeline.errors import SettingsError

SIGNATURE_HEADER: Final = "X-Coincast-Signature"
_WAITS_S: Final = (1.0, 4.0)
_TIMEOUT_S: Final = (3.0, 10.0)


@dataclass(frozen=True)
class Announcement:
    """What became of telling.

    Attributes:
        outcome: `off` where no address is set.
        attempts: Requests made.
        reason: Why it failed, in a bounded line; empty if it did not.
    """

    outcome: Literal["off", "delivered", "failed"]
    attempts: int = 0
    reason: str = ""


def announce(
    address: Address | str,
    message: Mapping[str, Any],
    *,
    secret: str,
    sent_at: datetime,
    waits_s: Sequence[float] = _WAITS_S,
) -> Announcement:
    """POST a message as JSON. Raises nothing: the outcome says what happened.

    With a secret, the header `X-Coincast-Signature: t=<unix seconds>,v1=<hex>` carries the HMAC-SHA256 of
    `<unix seconds>.<body>`; the time lets the receiver refuse a message that is sent again.

    Args:
        address: http or https; empty for nowhere.
        message: JSON values.
        secret: Key of the signature, or a reference to it; empty for none.
        sent_at: The clock's instant.
        waits_s: Pauses before each further attempt after a refused connection, a time-out, 429 or 5xx.
    """
    if not address:
        return Announcement("off")
    try:
        url, secret = full_address(WebhookAddress(address)), full_secret(secret)
    except SettingsError as error:
        return Announcement("failed", reason=str(error))
    if not url.lower().startswith(("http://", "https://")):
        return Announcement("failed", reason="webhook_url must begin with http:// or https://.")
    body = json.dumps(message, sort_keys=True, default=str).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "coincast"}
    if secret:
        headers[SIGNATURE_HEADER] = sign(body, secret=secret, sent_at=sent_at)
    return _deliver(url, body, headers, waits_s)


def sign(body: bytes, *, secret: str, sent_at: datetime) -> str:
    """Value of the signature header."""
    moment = str(int(sent_at.timestamp()))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _deliver(url: str, body: bytes, headers: Mapping[str, str], waits_s: Sequence[float]) -> Announcement:
    reason = ""
    for attempt, wait in enumerate((0.0, *waits_s), start=1):
        time.sleep(wait)
        delivered, final, reason = _post(url, body, headers)
        if delivered:
            return Announcement("delivered", attempt)
        if final:
            return Announcement("failed", attempt, reason)
    return Announcement("failed", 1 + len(waits_s), reason)


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[bool, bool, str]:
    """One attempt: whether it was delivered, whether a further one is pointless, and why."""
    import requests

    try:
        with requests.post(
            url, data=body, headers=dict(headers), timeout=_TIMEOUT_S, allow_redirects=False, stream=True
        ) as answer:
            status = answer.status_code
    except (requests.ConnectionError, requests.Timeout) as error:
        return False, False, f"no answer ({type(error).__name__})"
    except (requests.RequestException, ValueError) as error:
        return False, True, f"not a usable address ({type(error).__name__})"
    if 200 <= status < 300:
        return True, True, ""
    return False, status != 429 and status < 500, f"answered {status}"
