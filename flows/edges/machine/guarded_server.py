"""Prefect's server for this machine's own pages and programs: requests of foreign pages and names are refused.

Run as a module, `-m flows.edges.machine.guarded_server HOST PORT [NAME …]`, it is that server; it answers under
the names too, by which a proxy before it or its neighbours call it.
"""

import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_REFUSED: Final = b"Refused: this server answers its own pages and programs, by its own name.\n"


class Guard:
    """An ASGI application that answers only under its own names, and only its own pages.

    A page of another origin reaches a server on loopback from the browser of whoever opens it, by the server's
    address or by a name of the page's that is made to lead there.

    Args:
        application: Answers what is let through.
        host: Address that the server listens on. Beyond loopback it has names that it does not know, as a proxy's;
            an address is then let through, which leads nowhere else, and so is this machine's name.
        names: Others that it has.
    """

    def __init__(self, application: Application, *, host: str, names: Iterable[str] = ()) -> None:
        self._application = application
        self._names = _LOOPBACK | ({host.lower()} if host in _LOOPBACK else _names_of_this_machine(host))
        self._names |= {name.lower() for name in names}
        self._takes_addresses = host not in _LOOPBACK

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Refuse a request or a websocket; what else there is goes through."""
        if scope["type"] in ("http", "websocket") and not self._is_welcome(scope):
            await _refuse(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    def _is_welcome(self, scope: Message) -> bool:
        headers = [(name.lower(), value.decode("latin-1").lower()) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == b"host"]
        origins = [value for name, value in headers if name == b"origin"]
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return False
        return all(one in (f"http://{hosts[0]}", f"https://{hosts[0]}") for one in origins)

    def _is_own(self, place: str) -> bool:
        try:
            name = urlsplit(f"//{place}").hostname or ""
        except ValueError:
            return False
        return name in self._names or (self._takes_addresses and _is_address(name))


def _names_of_this_machine(host: str) -> frozenset[str]:
    import socket

    return frozenset({host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()})


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        # Closed before it was accepted: the client gets a 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(_REFUSED))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSED})


def _serve(host: str, port: int, names: Iterable[str]) -> None:
    """As `prefect server start` does in one process."""
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    settings = get_current_settings().server
    uvicorn.run(
        Guard(create_app(final=True), host=host, names=names),
        host=host,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), " ".join(sys.argv[3:]).split())
