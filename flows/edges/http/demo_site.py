"""A loopback web site in the place of CryptoDataDownload: for the demo, and for tests of what sites do wrong."""

import hashlib
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Final

FOLDER: Final = "/cdd/"
_CLIENT_PATIENCE_S: Final = 5.0


@dataclass(frozen=True)
class Reply:
    """One scripted answer, given in the place of a file.

    Attributes:
        status: HTTP status; 0 closes the connection without an answer.
        body: What is sent.
        headers: Sent besides Content-Length; `{"Retry-After": "1"}`.
        promised_bytes: Content-Length where it is not the body's: a larger one is a truncated transfer.
        wait_s: Seconds before the answer.
        pause_s: Seconds between the two halves of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised_bytes: int | None = None
    wait_s: float = 0.0
    pause_s: float = 0.0


@dataclass(frozen=True)
class Request:
    """One request as it arrived, and the status it was answered with."""

    path: str
    headers: Mapping[str, str]
    status: int


@dataclass(frozen=True)
class Site:
    """A running site.

    Attributes:
        url: Stands in for the vendor's folder, as `http://127.0.0.1:40123/cdd`.
        requests: What was asked so far, oldest first.
    """

    url: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def serve_market(files: Mapping[str, bytes], *, script: Iterable[Reply] = ()) -> Iterator[Site]:
    """Serve candle files on 127.0.0.1 until the block ends.

    Answers as the vendor's site does: strong ETag, Last-Modified, Content-Length; 304 to a conditional request
    of unchanged bytes; 404 to anything else.

    Args:
        files: Content by file name, as `Binance_BTCUSDT_d.csv`; looked up at each request, so it may change.
        script: Answers to the first requests, before files are served.

    Yields:
        The site, already listening.
    """
    with _Server(files, script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.site
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


@contextmanager
def serve_folder(folder: Path, *, script: Iterable[Reply] = ()) -> Iterator[Site]:
    """Serve the files that lie directly in a folder, as `serve_market` does."""
    with serve_market(_Folder(folder), script=script) as site:
        yield site


class _Folder(Mapping[str, bytes]):
    """A folder's files by name; names that lead out of it are not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> bytes:
        if name not in set(self):
            raise KeyError(name)
        return (self._folder / name).read_bytes()

    def __iter__(self) -> Iterator[str]:
        return (path.name for path in self._folder.iterdir() if path.is_file())

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, files: Mapping[str, bytes], script: Iterable[Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = Site(url=f"http://127.0.0.1:{self.server_address[1]}{FOLDER.rstrip('/')}")
        self.files = files
        self.script = deque(script)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._versions: dict[str, tuple[str, datetime]] = {}

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for the host's name, which may leave this machine.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away in the middle is what some tests are about.
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def next_reply(self) -> Reply | None:
        """The next scripted answer, each given once."""
        with self._lock:
            return self.script.popleft() if self.script else None

    def version(self, name: str, content: bytes) -> tuple[str, datetime]:
        """ETag and modification instant of a file; other bytes have a later instant, a second apart at least."""
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        with self._lock:
            known = self._versions.get(name)
            if known is None or known[0] != etag:
                instant = datetime.now(UTC).replace(microsecond=0)
                if known is not None:
                    instant = max(instant, known[1] + timedelta(seconds=1))
                self._versions[name] = known = (etag, instant)
            return known


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "coincast-demo"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _CLIENT_PATIENCE_S

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        return

    def _answer(self, *, with_body: bool) -> None:
        reply = self.server.next_reply() or self._file()
        self.server.site.requests.append(Request(self.path, dict(self.headers), reply.status))
        self.close_connection = True
        self.server.closing.wait(reply.wait_s)
        if reply.status == 0:
            return
        self.send_response(reply.status)
        self.send_header("Connection", "close")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != HTTPStatus.NOT_MODIFIED:
            promised = len(reply.body) if reply.promised_bytes is None else reply.promised_bytes
            self.send_header("Content-Length", str(promised))
        self.end_headers()
        if with_body:
            half = len(reply.body) // 2 if reply.pause_s else len(reply.body)
            self.wfile.write(reply.body[:half])
            self.server.closing.wait(reply.pause_s)
            self.wfile.write(reply.body[half:])

    def _file(self) -> Reply:
        path = self.path.partition("?")[0]
        name = path.removeprefix(FOLDER)
        content = self.server.files.get(name) if path.startswith(FOLDER) else None
        if content is None:
            return Reply(404, b"Not found.\n", {"Content-Type": "text/plain; charset=utf-8"})
        etag, modified = self.server.version(name, content)
        headers = {"ETag": etag, "Last-Modified": format_datetime(modified, usegmt=True)}
        if self._is_unchanged(etag, modified):
            return Reply(304, b"", headers)
        return Reply(200, content, {"Content-Type": "text/csv; charset=utf-8", **headers})

    def _is_unchanged(self, etag: str, modified: datetime) -> bool:
        """Whether the client's condition holds; an ETag outranks a date (RFC 9110, section 13.2.2)."""
        tags = self.headers["If-None-Match"]
        if tags is not None:
            return "*" in tags or etag in (tag.strip().removeprefix("W/") for tag in tags.split(","))
        try:
            return modified <= parsedate_to_datetime(self.headers["If-Modified-Since"] or "")
        except ValueError:
            return False
