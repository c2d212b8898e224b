"""The guard alone, by ASGI; the real servers are asked in tests/flows/command/test_up.py."""

import asyncio
from typing import Any

import pytest

from flows.edges.machine.guarded_server import Guard, Message

OWN = "127.0.0.1:4200"


def answer(
    headers: dict[str, str] | list[tuple[str, str]],
    *,
    host: str = "127.0.0.1",
    kind: str = "http",
    names: tuple[str, ...] = (),
) -> Any:
    """Status of the answer, or what became of the websocket."""
    sent: list[Message] = []

    async def inside(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "through", "status": 200})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    pairs = headers.items() if isinstance(headers, dict) else headers
    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in pairs]}
    asyncio.run(Guard(inside, host=host, names=names)(scope, receive, send))
    return sent[0].get("status", sent[0]["type"])


WELCOME = [
    {"host": OWN},
    {"host": "localhost:4200"},
    {"host": "LOCALHOST:4200"},
    {"host": "[::1]:4200"},
    {"host": OWN, "origin": f"http://{OWN}"},
    {"host": "localhost:4200", "origin": "http://localhost:4200"},
]
FOREIGN = [
    {},
    {"host": ""},
    {"host": "evil.example"},
    {"host": "evil.example:4200"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "10.0.0.7:4200"},
    {"host": "localhost@evil.example"},
    {"host": "[::1"},
    {"host": OWN, "origin": "null"},
    {"host": OWN, "origin": "http://evil.example"},
    {"host": OWN, "origin": "http://127.0.0.1:8000"},
    {"host": OWN, "origin": "http://localhost:4200"},
    {"host": OWN, "origin": f"file://{OWN}"},
]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", WELCOME)
def test_own_pages_and_programs_get_through(headers: dict[str, str], kind: str) -> None:
    assert answer(headers, kind=kind) == 200


@pytest.mark.parametrize(("kind", "refusal"), [("http", 403), ("websocket", "websocket.close")])
@pytest.mark.parametrize("headers", FOREIGN)
def test_foreign_pages_and_names_are_refused(headers: dict[str, str], kind: str, refusal: object) -> None:
    assert answer(headers, kind=kind) == refusal


def test_two_hosts_or_a_second_foreign_origin_are_refused() -> None:
    assert answer([("host", OWN), ("host", "evil.example")]) == 403
    assert answer([("host", OWN), ("origin", f"http://{OWN}"), ("origin", "http://evil.example")]) == 403


def test_beyond_loopback_an_address_and_the_machine_s_name_get_through() -> None:
    import socket

    for name in ("192.168.1.7:4200", "[fd00::7]:4200", f"{socket.gethostname()}:4200", OWN):
        assert answer({"host": name}, host="0.0.0.0") == 200
    assert answer({"host": "evil.example:4200"}, host="0.0.0.0") == 403
    assert answer({"host": "market.internal:4200"}, host="market.internal") == 200


def test_a_proxy_s_name_is_its_own_and_so_are_that_name_s_pages() -> None:
    name = "prefect.example.org"
    assert answer({"host": name, "origin": f"https://{name}"}) == 403
    assert answer({"host": name, "origin": f"https://{name}"}, names=(name.upper(),)) == 200
    assert answer({"host": name, "origin": "https://example.org"}, names=(name,)) == 403
    assert answer({"host": OWN, "origin": f"https://{name}"}, names=(name,)) == 403


def test_the_start_and_the_end_of_the_server_are_no_requests() -> None:
    assert answer({}, kind="lifespan") == 200
