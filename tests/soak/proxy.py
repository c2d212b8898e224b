"""A way to a server that can be cut off."""

import socket
import threading
from contextlib import suppress
from typing import Final

_CHUNK: Final = 65_536


class Proxy:
    """Hands connections on to a port of loopback; `close` cuts those that stand and refuses others until `open`.

    Args:
        target: The port that the server listens on.
    """

    def __init__(self, target: int) -> None:
        self._target, self.port = target, 0
        self._ends: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        """Listen, always on the same port."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Nothing goes through."""
        # Else the thread that accepts would keep it open.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                if listener.fileno() == -1:
                    client.close()
                    server.close()
                    return
                for one, other in ((client, server), (server, client)):
                    self._ends.add(one)
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while content := one.recv(_CHUNK):
                other.sendall(content)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)
        self._ends.discard(one)
        # The other direction reads from it until it has ended too.
        if other not in self._ends:
            one.close()
            other.close()
