"""Answers that never end, by a raw socket: each is given up at the deadline, on the main thread and off it."""

import gzip
import io
import itertools
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from flows.edges.http.http_file import Answer, fetch_file
from flows.edges.http.retry_policy import RetryPolicy
from pipeline.addresses.address import Address
from pipeline.errors import SourceError

Behaviour = Callable[[socket.socket], None]

TOTAL_S = 0.8
PATIENT = RetryPolicy(connect_s=30, read_s=30, total_s=TOTAL_S, retries=4, backoff_s=0.01)
HASTY = RetryPolicy(connect_s=2, read_s=2, total_s=10, retries=3, backoff_s=0.01)
BODY = b"unix,date,symbol,open\n" + b"1,2,3,4\n" * 4000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"


def request_of(connection: socket.socket) -> bytes:
    """The head of a request; empty where the client closed."""
    head = b""
    while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
        head += more
    return head


@contextmanager
def raw_server(behave: Behaviour) -> Iterator[str]:
    """Each connection gets a thread; those that are left when the test is over are closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        opened: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                behave(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    opened.append(connection)
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/file.csv"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in opened:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def dripping(begin: bytes, again: bytes, *, pause: float = 0.02) -> Behaviour:
    """Says how it begins, and then the same for ever."""

    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(begin)
        while True:
            connection.sendall(again)
            time.sleep(pause)

    return behave


def byte_by_byte(text: bytes, rest: bytes = b"") -> Behaviour:
    def behave(connection: socket.socket) -> None:
        request_of(connection)
        for byte in itertools.chain(text, itertools.cycle(rest or b"x")):
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    return behave


def silent(connection: socket.socket) -> None:
    request_of(connection)
    connection.recv(1)


def refusing_for_ever(connection: socket.socket) -> None:
    """Asks for a wait that is allowed, at every try."""
    request_of(connection)
    connection.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n")


def leading_on(connection: socket.socket) -> None:
    """Each way takes a while and leads to the next."""
    while request_of(connection):
        time.sleep(0.5)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /on\r\nContent-Length: 0\r\n\r\n")


EMPTY_MEMBERS = gzip.compress(b"")
EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff"
NEVER_ENDING: dict[str, Behaviour] = {
    "nothing": silent,
    "a dripped status line": byte_by_byte(b"HTTP/1.1 200 " + b"O" * 50_000),
    "dripped headers": byte_by_byte(OK + b"X-Long: " + b"a" * 50_000),
    "interim answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim answers at full speed": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99, pause=0),
    "header after header": dripping(OK, b"X-More: 1\r\n", pause=0.1),
    "an interim answer with headers": dripping(b"HTTP/1.1 100 Continue\r\n", b"X-More: 1\r\n", pause=0.1),
    "a dripped body": dripping(OK + b"Content-Length: 9000000\r\n\r\n", b"1"),
    "a body without an end": dripping(OK + b"\r\n", b"1"),
    "a dripped chunk size": byte_by_byte(CHUNKED + b"\r\n", b"0"),
    "a chunk extension": dripping(CHUNKED + b"\r\n5;note=", b"x"),
    "a dripped chunk": dripping(CHUNKED + b"\r\nFFFFFF\r\n", b"1"),
    "trailers": dripping(CHUNKED + b"\r\n1\r\n1\r\n0\r\n", b"X-More: 1\r\n"),
    "empty gzip members": dripping(CHUNKED + b"Content-Encoding: gzip\r\n\r\n", b"14\r\n" + EMPTY_MEMBERS + b"\r\n"),
    "empty gzip members at full speed": dripping(
        OK + b"Content-Encoding: gzip\r\n\r\n", EMPTY_MEMBERS * 999, pause=0
    ),
    "empty deflated blocks": dripping(OK + b"Content-Encoding: deflate\r\n\r\n\x78\x9c", EMPTY_BLOCKS),
    "a way that leads on": leading_on,
    "a body beside the way": dripping(b"HTTP/1.1 302 Found\r\nLocation: /on\r\n\r\n", b"x" * 99),
    "a refusal with a body": dripping(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n\r\n", b"x" * 99),
    "a wait for every try": refusing_for_ever,
}  # fmt: skip


def given_up(url: str, policy: RetryPolicy = PATIENT) -> float:
    """Seconds until it is a SourceError."""
    begun = time.monotonic()
    with pytest.raises(SourceError):
        fetch_file(Address(url), io.BytesIO(), validators={}, limit=2**20, policy=policy, on_progress=None)
    return time.monotonic() - begun


@pytest.mark.slow
@pytest.mark.parametrize("thread", ["main", "another"])
@pytest.mark.parametrize("way", NEVER_ENDING)
def test_what_never_ends_is_given_up_at_the_deadline(way: str, thread: str) -> None:
    with raw_server(NEVER_ENDING[way]) as url:
        if thread == "main":
            seconds = given_up(url)
        else:
            with ThreadPoolExecutor(1) as pool:
                seconds = pool.submit(given_up, url).result()
    assert seconds < TOTAL_S + 1


@pytest.mark.slow
def test_a_handshake_that_hangs_is_given_up_too() -> None:
    with raw_server(silent) as url:
        assert given_up(url.replace("http:", "https:")) < TOTAL_S + 1


@pytest.mark.slow
def test_a_slow_look_up_of_the_name_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20) and [])
    assert given_up("http://market.invalid/file.csv") < TOTAL_S + 1
    released.set()


@pytest.mark.slow
def test_what_was_given_up_leaves_no_thread_and_no_connection_and_writes_no_more() -> None:
    gone, before = threading.Event(), set(threading.enumerate())

    def behave(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(OK + b"\r\n")
        with suppress(OSError):
            while True:
                connection.sendall(b"1")
                time.sleep(0.01)
        gone.set()

    into = io.BytesIO()
    with raw_server(behave) as url, pytest.raises(SourceError, match=r"sent \d+ bytes in 0\.8 s"):
        fetch_file(Address(url), into, validators={}, limit=2**20, policy=PATIENT, on_progress=None)
    written = len(into.getvalue())
    assert gone.wait(5)
    for one in set(threading.enumerate()) - before:
        one.join(5)
        assert not one.is_alive()
    assert len(into.getvalue()) == written


def answering(*pieces: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        request_of(connection)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.02)

    return behave


def fetched(behave: Behaviour) -> tuple[Answer, bytes]:
    into = io.BytesIO()
    with raw_server(behave) as url:
        answer = fetch_file(Address(url), into, validators={}, limit=2**20, policy=HASTY, on_progress=None)
    return answer, into.getvalue()


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


PACKED = gzip.compress(BODY)
DEFLATED = zlib.compress(BODY)
LENGTH = b"Content-Length: %d\r\n"
GOOD: dict[str, tuple[bytes, ...]] = {
    "whole": (OK + LENGTH % len(BODY) + b"\r\n" + BODY,),
    "one byte first": (OK + LENGTH % len(BODY) + b"\r\n", BODY[:1], BODY[1:]),
    "a chunk of one byte first": (CHUNKED + b"\r\n", chunk(BODY[:1]), chunk(BODY[1:]), b"0\r\n\r\n"),
    "gzip, one byte first": (
        OK + b"Content-Encoding: gzip\r\n" + LENGTH % len(PACKED) + b"\r\n", PACKED[:1], PACKED[1:],
    ),
    "gzip in chunks, one byte first": (
        CHUNKED + b"Content-Encoding: gzip\r\n\r\n", chunk(PACKED[:1]), chunk(PACKED[1:]), b"0\r\n\r\n",
    ),
    "deflate, one byte first": (
        OK + b"Content-Encoding: deflate\r\n" + LENGTH % len(DEFLATED) + b"\r\n", DEFLATED[:1], DEFLATED[1:],
    ),
    "after an interim answer": (
        b"HTTP/1.1 100 Continue\r\nLink: </x>\r\n\r\n", OK + LENGTH % len(BODY) + b"\r\n" + BODY,
    ),
    "head in pieces": (b"HTTP/1.1 2", b"00 OK\r\nConte", b"nt-Length: %d\r" % len(BODY), b"\n\r\n" + BODY),
    "with trailers": (CHUNKED + b"\r\n", chunk(BODY), b"0\r\nX-Sum: 1\r\n\r\n"),
    "to the end of the connection": (OK + b"\r\n", BODY),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("way", GOOD)
def test_what_ends_is_read_whole(way: str) -> None:
    answer, content = fetched(answering(*GOOD[way]))
    assert content == BODY
    assert not answer.unchanged


@pytest.mark.slow
def test_a_way_with_a_body_leads_to_the_file() -> None:
    def behave(connection: socket.socket) -> None:
        if b"GET /on" in request_of(connection):
            connection.sendall(OK + LENGTH % len(BODY) + b"\r\n" + BODY)
        else:
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /on\r\n\r\n")
            while True:
                connection.sendall(b"moved" * 99)

    assert fetched(behave)[1] == BODY
