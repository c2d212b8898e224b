"""How long a source on the network is waited for, and in words why it was given up."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import RemoteDisconnected
from types import TracebackType
from typing import Final, Self

from urllib3 import BaseHTTPResponse, Retry
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    IncompleteRead,
    InvalidHeader,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

log: Final = logging.getLogger("coincast")
_POOL_LOG: Final = logging.getLogger("urllib3.connectionpool")
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """How long a source is waited for.

    Attributes:
        connect_s: Seconds until it takes the connection.
        read_s: Seconds between two pieces of its answer.
        total_s: Seconds for the whole exchange, however steadily an answer drips: all tries and the waits between them.
        retries: Further tries after a lost connection, a 429 or a 5xx.
        backoff_s: Tries wait 0, 2, 4, 8 … times this.
        longest_wait_s: A source that asks (Retry-After) for as long as this is not asked again.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 300.0
    retries: int = 4
    backoff_s: float = 0.5
    longest_wait_s: int = 60


def retries_of(policy: RetryPolicy) -> Retry:
    """Tries after a lost connection, a 429 or a 5xx, as requests' adapter takes them; the last answer is returned."""
    _POOL_LOG.addFilter(_is_others)
    return _Retries(
        total=policy.retries,
        backoff_factor=policy.backoff_s,
        status_forcelist=_TRANSIENT,
        raise_on_status=False,
        retry_after_max=policy.longest_wait_s,
    )


def reason_of(error: BaseException, policy: RetryPolicy) -> str:
    """What lies at the bottom of a failed request; the messages in between repeat the URL, secrets and all."""
    for cause in _causes(error):
        match cause:
            case NameResolutionError():
                return "host name not known: no network?"
            case ConnectTimeoutError() if not isinstance(cause, NewConnectionError):
                return f"no connection within {policy.connect_s:g} s"
            case ReadTimeoutError():
                return f"no answer for {policy.read_s:g} s"
            case IncompleteRead():
                return "the transfer was truncated"
            case EOFError():
                return "the transfer was truncated"
            case RemoteDisconnected():
                return "it closed the connection without an answer"
            case OSError(strerror=str(words)):
                return words
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it wraps, outermost first."""
    current: object = error
    while isinstance(current, BaseException):
        yield current
        inner = [getattr(current, "reason", None), *current.args, current.__cause__]
        current = next((one for one in inner if isinstance(one, BaseException)), None)


class _Retries(Retry):
    """Retries that give up at once where the source asks for a longer wait than ours."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        wait = None if response is None else self.get_retry_after(response)
        if response is not None:
            # urllib3 would read the body of a refusal, however long it is.
            response.close()
        if wait is not None and wait >= self.retry_after_max and _pool is not None:
            raise MaxRetryError(_pool, url or "")
        left = super().increment(method, url, response, error, _pool, _stacktrace)
        if _pool is not None:
            what = type(error).__name__ if response is None else f"HTTP {response.status}"
            log.info("%s: %s, trying again", _pool.host, what)
        return left


def _is_others(record: logging.LogRecord) -> bool:
    """Whether a line of urllib3 is not about our retries: those would print the URL with its secrets."""
    # Where the line was cleaned when it was made, it has no arguments any more.
    ours = any(isinstance(one, _Retries) for one in record.args or ())
    return not (ours or str(record.msg).startswith(f"Retrying ({_Retries.__name__}("))
