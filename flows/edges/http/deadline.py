"""An exchange that ends in time, whatever the other side does, on any thread."""

import socket
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import suppress
from threading import Lock
from typing import Any, TypeVar

from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.connection import HTTPConnection

from flows.edges.threads import begin

_Result = TypeVar("_Result")


class OverdueError(Exception):
    """The time was over before the work was done."""


class Deadline:
    """Lets work run for a time, and then cuts the connections that it opened.

    The work has a thread of its own: a look-up of a name can neither be interrupted nor given a time-out, and neither
    signals nor time-outs of single reads end an answer that drips.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._over = False
        self._connections: list[socket.socket] = []

    def run(self, work: Callable[[], _Result], *, seconds: float) -> _Result:
        """What the work returns or raises.

        Args:
            work: Opens connections by `Adapter` only, and asks `require_time` before it writes anything.
            seconds: By the monotonic clock.

        Raises:
            OverdueError: It is not done; no connection of it is open any more.
        """
        outcome = begin(work, name="exchange")
        try:
            if wait([outcome], timeout=seconds).not_done:
                raise OverdueError
            return outcome.result()
        finally:
            self._end()
            # An error's frames hold this one, and it the error: what the work left open would wait for the collector.
            del outcome

    def require_time(self) -> None:
        """Stop work that nobody waits for any more.

        Raises:
            OverdueError: The time is over.
        """
        if self._over:
            raise OverdueError

    def watch(self, connection: socket.socket) -> socket.socket:
        """The connection, which is cut when the time is over."""
        with self._lock:
            if self._over:
                connection.close()
                raise OverdueError
            # TLS takes the descriptor away from its socket: a second one of the same connection stays ours.
            self._connections.append(connection.dup())
        return connection

    def _end(self) -> None:
        with self._lock:
            self._over = True
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()


class Adapter(HTTPAdapter):
    """The adapter of requests whose connections a deadline watches, through proxies too."""

    def __init__(self, deadline: Deadline, retries: Retry) -> None:
        super().__init__(max_retries=retries)
        self._deadline = deadline

    def get_connection_with_tls_context(self, *request: Any, **options: Any) -> Any:
        """The pool of a request, with connections of ours."""
        pool: Any = super().get_connection_with_tls_context(*request, **options)
        # A pool is kept for the next way that leads to the same host.
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline)
        return pool


def _watched(kind: type[HTTPConnection], deadline: Deadline) -> type[HTTPConnection]:
    class Watched(kind):  # type: ignore[valid-type, misc]
        def _new_conn(self) -> socket.socket:
            deadline.require_time()
            return deadline.watch(super()._new_conn())

    return Watched
