"""A receiver on loopback checks the signature as its owner would, and misbehaves as receivers do."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from flows.edges.http import webhook
from flows.edges.http.webhook import Announcement, announce

pytestmark = pytest.mark.slow

SENT_AT = datetime(2026, 3, 30, 0, 21, tzinfo=UTC)
MESSAGE = {"series": ["binance/BTCUSDT/1d"], "as_of": "2026-03-29"}


class Receiver(HTTPServer):
    """Answers with the statuses it is given, then 204; keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.pause_s = 0.0
        self.received: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((dict(self.headers), body))
        time.sleep(self.server.pause_s)
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def send(url: str, secret: str = "", waits_s: tuple[float, ...] = (0.0, 0.0)) -> Announcement:
    return announce(url, MESSAGE, secret=secret, sent_at=SENT_AT, waits_s=waits_s)


def test_no_address_is_off() -> None:
    assert send("") == Announcement("off")


def test_the_receiver_can_check_who_sent_it_and_when(receiver: Receiver) -> None:
    assert send(receiver.url, "a key") == Announcement("delivered", 1)
    headers, body = receiver.received[0]
    assert json.loads(body) == MESSAGE
    given = dict(part.split("=") for part in headers["X-Coincast-Signature"].split(","))
    assert int(given["t"]) == int(SENT_AT.timestamp())
    expected = hmac.new(b"a key", f"{given['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert given["v1"] == expected


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    send(receiver.url)
    assert "X-Coincast-Signature" not in receiver.received[0][0]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([503, 429], Announcement("delivered", 3)),
        ([500, 500, 500, 500], Announcement("failed", 3, "answered 500")),
        ([404], Announcement("failed", 1, "answered 404")),
        ([302], Announcement("failed", 1, "answered 302")),
    ],
)
def test_what_may_pass_is_tried_again(
    receiver: Receiver, statuses: list[int], expected: Announcement
) -> None:
    receiver.statuses = statuses
    assert send(receiver.url) == expected


def test_a_receiver_that_never_answers_holds_nobody_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_TIMEOUT_S", (0.2, 0.2))
    receiver.pause_s = 0.5
    started = time.monotonic()
    assert send(receiver.url, waits_s=(0.0,)) == Announcement("failed", 2, "no answer (ReadTimeout)")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/closed", "ftp://127.0.0.1/x", "http://[half", "http://"])
def test_an_address_that_cannot_work_is_an_outcome_not_an_error(url: str) -> None:
    announcement = send(url)
    assert announcement.outcome == "failed"
    assert 0 < len(announcement.reason) < 80
