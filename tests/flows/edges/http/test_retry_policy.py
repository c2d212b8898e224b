import socket
import ssl

import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, SSLError

from flows.edges.http.retry_policy import RetryPolicy, reason_of


def no_host() -> NameResolutionError:
    error = NameResolutionError("vendor.invalid", None, socket.gaierror(-2, "Name or service not known"))  # type: ignore[arg-type]
    error.__cause__ = socket.gaierror(-2, "Name or service not known")
    return error


REASONS = {
    "no network": (no_host(), "host name not known: no network?"),
    "no answer to the call": (ConnectTimeoutError(), "no connection within 3 s"),
    "a bad certificate": (
        SSLError(ssl.SSLCertVerificationError(1, "certificate has expired")),
        "has expired",
    ),
    "an error without words": (ValueError("secret"), "ConnectionError"),
}


@pytest.mark.parametrize("kind", REASONS)
def test_the_reason_is_what_lies_at_the_bottom_without_the_url(kind: str) -> None:
    error, words = REASONS[kind]
    wrapped = requests.ConnectionError(
        MaxRetryError(HTTPConnectionPool("vendor"), "/cdd?token=secret", error)
    )
    told = reason_of(wrapped, RetryPolicy(connect_s=3))
    assert words in told
    assert "secret" not in told
