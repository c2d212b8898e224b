"""One file over HTTP: asked for conditionally, tried again a bounded number of times, written as it arrives."""

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from http import HTTPStatus
from typing import BinaryIO, Final, NoReturn

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError

from flows.edges.credentials import full_address
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
        policy: Time-outs and retries.
        on_progress: Called with bytes so far and bytes in all, None where the source does not tell.

    Raises:
        UnknownSeriesError: The source does not have the file (404, 410).
        SourceError: It could not be reached, refused, was too slow, too large, or was cut off.
        OSError: The file could not be written.
    """
    retries = retries_of(policy)
    exchange = _Exchange(address, into, limit, policy, on_progress)
    while True:
        try:
            return exchange.run(validators, retries)
        except _CutOffError as cut:
            retries = cut.retries
            retries.sleep()


class _CutOffError(Exception):
    """An answer ended too early, and there are tries left."""

    def __init__(self, retries: Retry) -> None:
        super().__init__()
        self.retries = retries


@dataclass(frozen=True)
class _Exchange:
    """One URL being asked for, by as many tries as it takes."""

    address: Address
    into: BinaryIO
    limit: int
    policy: RetryPolicy
    on_progress: Progress | None

    @property
    def name(self) -> str:
        return str(self.address)

    def run(self, headers: dict[str, str], retries: Retry) -> Answer:
        """One connection; tries that end before an answer begins are urllib3's."""
        with requests.Session() as session:
            session.max_redirects = _MOST_REDIRECTS
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retries))
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
        total = _length(response)
        begun, done = time.monotonic(), 0
        try:
            body = _Body(response)
            while piece := body.read1(_CHUNK):
                done += self.into.write(piece)
                self._refuse_larger(done)
                self._refuse_slower(done, time.monotonic() - begun)
                if self.on_progress is not None:
                    self.on_progress(done, total)
        except (HTTPError, *_DAMAGED) as error:
            self._try_again(response, error, done, total)

    def _try_again(
        self, response: requests.Response, error: Exception, done: int, total: int | None
    ) -> NoReturn:
        promised = f" of {total}" if total else ""
        try:
            # The tries that came before the answer count too.
            retries = (response.raw.retries or Retry(0)).increment(
                "GET", self.name, error=ProtocolError(str(error))
            )
        except MaxRetryError:
            raise SourceError(
                f"{self.name} was cut off after {done}{promised} bytes ({reason_of(error, self.policy)}), "
                f"{self.policy.retries + 1} times. Run again later."
            ) from error
        raise _CutOffError(retries) from error

    def _refuse_larger(self, size: int) -> None:
        if size > self.limit:
            raise SourceError(
                f"{self.name} is larger than the limit of {self.limit / 2**20:.0f} MiB. "
                "If that is right, raise download_limit_mb."
            )

    def _refuse_slower(self, size: int, seconds: float) -> None:
        if seconds > self.policy.total_s:
            raise SourceError(
                f"{self.name} sent {size} bytes in {self.policy.total_s:g} s and is not done. Run again later."
            )

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, ValueError) as error:  # ValueError: sent on to what is no URL
            raise SourceError(
                f"{self.name} could not be reached ({reason_of(error, self.policy)}). Check the network and --source."
            ) from error


class _Body:
    """A body as it arrives; one in gzip, sent although none was asked for, is unpacked and must have its end."""

    def __init__(self, response: requests.Response) -> None:
        self._raw = response.raw
        self._gzip = GzipFile(fileobj=self) if _encoding(response) == "gzip" else None  # type: ignore[call-overload]

    def read1(self, size: int) -> bytes:
        """What has come, not a full piece: a source that drips is found out in time."""
        if self._gzip is not None:
            return bytes(self._gzip.read1(size))
        return bytes(self._raw.read1(size, decode_content=True))

    def read(self, size: int) -> bytes:
        """What `GzipFile` asks for."""
        return bytes(self._raw.read1(size, decode_content=False))


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
