"""One file over HTTP: asked for conditionally, tried again a bounded number of times, written as it arrives."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from gzip import BadGzipFile, GzipFile
from http import HTTPStatus
from typing import BinaryIO, Final, NoReturn

import requests
from urllib3 import Retry
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError

from flows.edges.credentials import full_address
from flows.edges.http.deadline import Adapter, Deadline, OverdueError
from flows.edges.http.retry_policy import RetryPolicy, reason_of, retries_of
from pipeline.addresses.address import Address
from pipeline.errors import SourceError, UnknownSeriesError

Progress = Callable[[int, int | None], None]

_CHUNK: Final = 64 * 1024
_DAMAGED: Final = (EOFError, BadGzipFile, zlib.error)
_MOST_REDIRECTS: Final = 5


@dataclass(frozen=True)
class Answer:
    """What the source said of the file.

    Attributes:
        unchanged: It still has what the validators name (304); nothing was written.
        etag: Validators for the next time; empty where it gave none.
        last_modified: As `etag`.
        content_type: As it was served.
        delimited: It told where the file ends, by a length or in chunks.
    """

    unchanged: bool
    etag: str = ""
    last_modified: str = ""
    content_type: str = ""
    delimited: bool = True


def fetch_file(
    address: Address,
    into: BinaryIO,
    *,
    validators: dict[str, str],
    limit: int,
    policy: RetryPolicy,
    on_progress: Progress | None,
) -> Answer:
    """Write the file at a URL, whole or not at all.

    Args:
        address: http or https; its credentials are used and never told.
        into: Empty file; what it holds after an error is not to be used.
        validators: Headers that make the request conditional.
        limit: Most bytes that are taken.
        policy: Time-outs and retries; its `total_s` is for all tries together.
        on_progress: Called with bytes so far and bytes in all, None where the source does not tell.

    Raises:
        UnknownSeriesError: The source does not have the file (404, 410).
        SourceError: It could not be reached, refused, was too slow, too large, or was cut off.
        OSError: The file could not be written.
    """
    exchange = _Exchange(address, into, limit, policy, on_progress)
    try:
        return exchange.deadline.run(lambda: exchange.run(validators), seconds=policy.total_s)
    except OverdueError:
        raise SourceError(
            f"{address} sent {exchange.received} bytes in {policy.total_s:g} s and is not done. Run again later."
        ) from None


class _CutOffError(Exception):
    """An answer ended too early, and there are tries left."""

    def __init__(self, retries: Retry) -> None:
        super().__init__()
        self.retries = retries


@dataclass
class _Exchange:
    """One URL being asked for, by as many tries as it takes; `received` counts the bytes of the last one."""

    address: Address
    into: BinaryIO
    limit: int
    policy: RetryPolicy
    on_progress: Progress | None
    deadline: Deadline = field(default_factory=Deadline)
    received: int = 0

    @property
    def name(self) -> str:
        return str(self.address)

    def run(self, headers: dict[str, str]) -> Answer:
        """The answer of the first try that is not cut off."""
        retries = retries_of(self.policy)
        while True:
            try:
                return self._try(headers, retries)
            except _CutOffError as cut:
                retries = cut.retries
                retries.sleep()

    def _try(self, headers: dict[str, str], retries: Retry) -> Answer:
        """One connection; tries that end before an answer begins are urllib3's."""
        with requests.Session() as session:
            session.max_redirects = _MOST_REDIRECTS
            session.hooks["response"].append(_leave_unread)
            for scheme in ("http://", "https://"):
                session.mount(scheme, Adapter(self.deadline, retries))
            with self._failures_named(), self._get(session, headers) as response:
                unchanged = self._judge(response, conditional=bool(headers))
                if not unchanged:
                    self._receive(response)
                return Answer(
                    unchanged=unchanged,
                    etag=response.headers.get("ETag", ""),
                    last_modified=response.headers.get("Last-Modified", ""),
                    content_type=response.headers.get("Content-Type", ""),
                    delimited=_is_delimited(response),
                )

    def _get(self, session: requests.Session, headers: dict[str, str]) -> requests.Response:
        # Sizes and lengths are then those of the file itself.
        plain = {"User-Agent": "coincast", "Accept": "text/csv, */*;q=0.5", "Accept-Encoding": "identity"}
        timeouts = (self.policy.connect_s, self.policy.read_s)
        return session.get(
            full_address(self.address), headers={**plain, **headers}, timeout=timeouts, stream=True
        )

    def _judge(self, response: requests.Response, *, conditional: bool) -> bool:
        """Whether the source says that nothing changed."""
        status = response.status_code
        if status == HTTPStatus.NOT_MODIFIED and conditional:
            return True
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise UnknownSeriesError(
                f"The source has no {self.name} (HTTP {status}). Check exchange, symbol and --source."
            )
        if status != HTTPStatus.OK:
            wait = response.headers.get("Retry-After", "")
            asks = f", and asks to wait {wait[:40]}" if wait else ""
            raise SourceError(f"{self.name} answered HTTP {status}, not a file{asks}. Run again later.")
        self._refuse_larger(_length(response) or 0)
        return False

    def _receive(self, response: requests.Response) -> None:
        """Write the body; what an earlier try left is thrown away."""
        self.into.seek(0)
        self.into.truncate()
        total, self.received = _length(response), 0
        read = _reader(response)
        try:
            while piece := read(_CHUNK):
                self.deadline.require_time()
                self.received += self.into.write(piece)
                self._refuse_larger(self.received)
                if self.on_progress is not None:
                    self.on_progress(self.received, total)
        except (HTTPError, *_DAMAGED) as error:
            self._try_again(response, error, total)

    def _try_again(self, response: requests.Response, error: Exception, total: int | None) -> NoReturn:
        self.deadline.require_time()
        promised = f" of {total}" if total else ""
        try:
            # The tries that came before the answer count too.
            retries = (response.raw.retries or Retry(0)).increment(
                "GET", self.name, error=ProtocolError(str(error))
            )
        except MaxRetryError:
            raise SourceError(
                f"{self.name} was cut off after {self.received}{promised} bytes ({reason_of(error, self.policy)}), "
                f"{self.policy.retries + 1} times. Run again later."
            ) from error
        raise _CutOffError(retries) from error

    def _refuse_larger(self, size: int) -> None:
        if size > self.limit:
            raise SourceError(
                f"{self.name} is larger than the limit of {self.limit / 2**20:.0f} MiB. "
                "If that is right, raise download_limit_mb."
            )

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, ValueError) as error:  # ValueError: sent on to what is no URL
            raise SourceError(
                f"{self.name} could not be reached ({reason_of(error, self.policy)}). Check the network and --source."
            ) from error


def _leave_unread(response: requests.Response, **_: object) -> None:
    """Keep requests from reading the body of an answer that leads elsewhere, however long it is."""
    if response.is_redirect:
        response.raw.close()


def _reader(response: requests.Response) -> Callable[[int], bytes]:
    """Reads the body as it arrives; one in gzip, sent although none was asked for, must have its end."""
    if _encoding(response) == "gzip":
        # It takes less than it asks for as the end of the file, so its pieces are whole ones.
        return GzipFile(fileobj=response.raw).read1
    return partial(response.raw.read1, decode_content=True)


def _encoding(response: requests.Response) -> str:
    return response.headers.get("Content-Encoding", "").strip().lower()


def _is_delimited(response: requests.Response) -> bool:
    """Whether the end of the file was told: of what is packed otherwise than in gzip, only the packed bytes' is.

    A length that is no number, and a transfer that is not in chunks, tell nothing: the body then ends with its
    connection.
    """
    encoding = _encoding(response)
    if encoding not in ("", "identity", "gzip"):
        return False
    chunked = response.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
    return encoding == "gzip" or chunked or response.headers.get("Content-Length", "").strip().isdecimal()


def _length(response: requests.Response) -> int | None:
    """Bytes of the file where the source tells; a compressed answer tells something else."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and "Content-Encoding" not in response.headers else None
