"""A source's present file into the snapshot store, or a clear no with nothing changed.

Bytes are checked before they become a snapshot: what is no candle file of the series (a web page, an empty body, a body
cut within a line, another market) is refused and not kept. The error tells what was received. A candle file that lost
days of the last good one, or tells other closes, is kept as evidence, and the last good one is what is used.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from flows.edges.credentials import full_address
from flows.edges.files.file_store import NO_ROOM
from flows.edges.http.http_file import Answer, Progress, fetch_file
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.snapshots.folder_file import copy_file, require_folder
from flows.edges.snapshots.store import Fetch, Judgement, Snapshot, SnapshotStore
from pipeline.addresses.address import Address
from pipeline.candles import Account, read_candles
from pipeline.errors import CandleFileError, DiskFullError, SourceError, StoreError
from pipeline.series import Series

_MIB: Final = 2**20
_EXPECTED: Final = "--source is an http(s) URL or a folder that holds the CSV files"
_BYTES_TOLD: Final = 60
_WEB_PAGE: Final = re.compile(rb"(\xef\xbb\xbf)?\s*<[!?a-zA-Z]")
_DEFAULT_POLICY: Final = RetryPolicy()


@dataclass(frozen=True)
class Download:
    """What a look at a source gave.

    Attributes:
        snapshot: What is to be used: the bytes that the source has now, unless they are suspect.
        outcome: `suspect`, or `unchanged` where the bytes are those in use already, else `new`.
        suspicion: Why the source's bytes are not used; None where they are.
    """

    snapshot: Snapshot
    outcome: Literal["new", "unchanged", "suspect"]
    suspicion: Judgement | None = None


def download(
    series: Series,
    source: Address | str,
    store: SnapshotStore,
    *,
    now: datetime,
    limit_mb: int,
    on_progress: Progress | None = None,
    policy: RetryPolicy = _DEFAULT_POLICY,
) -> Download:
    """Ask a source for a series' file and keep what it has.

    An unchanged file costs one conditional request. Where the stored bytes are damaged or suspect, they are fetched
    again whole.

    Args:
        series: Which file.
        source: URL (http, https) or folder (a path, file://) that holds the vendor's CSV files.
        store: Where bytes go.
        now: The instant of the look, aware.
        limit_mb: Largest file that is taken, MiB.
        on_progress: Called with bytes so far and bytes in all, None where the source does not tell.
        policy: Time-outs and retries.

    Raises:
        UnknownSeriesError: The source does not have the file.
        SourceError: It could not be reached, refused, or has something else than candles of the series.
        DiskFullError: There is no room.
        StoreError: The snapshot store refused.
    """
    look = _Look(series, _address(source, series), now, policy, on_progress)
    before = store.latest(series)
    last = _if_usable(store, store.last_fetch(series, look.url))
    with store.staged() as file, _room_for(look.url):
        answer = look.fetch(file, last, limit=limit_mb * _MIB)
        file.flush()
        if answer.unchanged and last is not None:
            snapshot = store.see_again(look.sight_of(last.sha256, answer, last))
        else:
            snapshot = look.keep(Path(file.name), answer, store)
    suspicion, used = store.judgements(series).get(snapshot.sha256), store.latest(series)
    if suspicion and suspicion.verdict == "suspect" and used is not None:
        return Download(used, "suspect", suspicion)
    unchanged = before is not None and before.sha256 == snapshot.sha256
    return Download(snapshot, "unchanged" if unchanged else "new")


@dataclass(frozen=True)
class _Look:
    """One look at a source: at which file, when and how patiently."""

    series: Series
    address: Address | Path
    now: datetime
    policy: RetryPolicy
    on_progress: Progress | None

    @property
    def url(self) -> str:
        """What may be printed and stored."""
        return self.address.as_uri() if isinstance(self.address, Path) else str(self.address)

    def fetch(self, into: BinaryIO, last: Fetch | None, *, limit: int) -> Answer:
        if isinstance(self.address, Path):
            return copy_file(self.address, into, limit=limit, on_progress=self.on_progress)
        return fetch_file(
            self.address,
            into,
            validators=_validators(last),
            limit=limit,
            policy=self.policy,
            on_progress=self.on_progress,
        )

    def keep(self, file: Path, answer: Answer, store: SnapshotStore) -> Snapshot:
        """Store the bytes if they are candles of the series."""
        return store.add(
            file,
            series=self.series,
            url=self.url,
            fetched_at=self.now,
            etag=answer.etag,
            last_modified=answer.last_modified,
            account=self._account(file.read_bytes(), answer),
        )

    def sight_of(self, sha256: str, answer: Answer, last: Fetch) -> Fetch:
        """The same bytes seen now; a 304 need not repeat the validators."""
        return Fetch(
            sha256,
            self.series,
            self.url,
            self.now,
            answer.etag or last.etag,
            answer.last_modified or last.last_modified,
        )

    def _account(self, content: bytes, answer: Answer) -> Account:
        if not content.strip():
            raise SourceError(
                f"{self.url} is empty ({len(content)} bytes). Run again later, or check --source."
            )
        received = _received(content, answer)
        if _WEB_PAGE.match(content):
            raise SourceError(f"{self.url} is a web page and not a CSV file: {received}. Check --source.")
        if not answer.delimited and not content.endswith(b"\n"):
            raise SourceError(
                f"{self.url} ended in the middle of a line after {len(content)} bytes. Run again later."
            )
        try:
            return read_candles(content, series=self.series, fetched_at=self.now).account
        except CandleFileError as error:
            raise SourceError(
                f"{self.url} is no candle file of {self.series}: {error} ({received})"
            ) from error


def require_source(source: Address | str) -> None:
    """Refuse a source that is written wrongly, before anything is asked of it.

    Raises:
        SourceError: It is neither a URL nor a folder that is there.
    """
    place = _place(source)
    if isinstance(place, Path):
        require_folder(place)


def _address(source: Address | str, series: Series) -> Address | Path:
    """The series' file at a source: a URL, or an absolute path.

    Raises:
        SourceError: The source is neither a URL nor a folder.
    """
    place = _place(source)
    if isinstance(place, Path):
        return place / series.source_name
    return Address(place._replace(path=f"{place.path.rstrip('/')}/{series.source_name}").geturl())


def _place(source: Address | str) -> SplitResult | Path:
    full = full_address(source).strip()
    try:
        parts = urlsplit(full)
    except ValueError:
        raise SourceError(f"{_EXPECTED}; what was given cannot be read as one.") from None
    if parts.scheme in ("http", "https") and parts.hostname:
        return parts
    if parts.scheme == "file" and parts.path:
        return Path(unquote(parts.path)).resolve()
    # What hides a part of itself is a URL that was misspelt.
    if not full or "://" in full or str(Address(full)) != full:
        raise SourceError(f"{_EXPECTED}; got {str(Address(full))[:80]!r}.")
    return Path(full).expanduser().resolve()


def _if_usable(store: SnapshotStore, fetch: Fetch | None) -> Fetch | None:
    """The last look, unless its bytes are damaged or suspect: then the file must come whole again.

    A body that a proxy cut comes with the validators of the whole file, which would keep the whole one away.
    """
    if fetch is None or not store.is_whole(fetch.sha256):
        return None
    judgement = store.judgements(fetch.series).get(fetch.sha256)
    return None if judgement and judgement.verdict == "suspect" else fetch


def _validators(last: Fetch | None) -> dict[str, str]:
    if last is None:
        return {}
    given = {"If-None-Match": last.etag, "If-Modified-Since": last.last_modified}
    return {name: value for name, value in given.items() if value}


def _received(content: bytes, answer: Answer) -> str:
    """The first bytes and the content type, bounded and printable."""
    kind = f", {answer.content_type[:40]}" if answer.content_type else ""
    return f"received {content[:_BYTES_TOLD]!r}, {len(content)} bytes{kind}"


@contextmanager
def _room_for(url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFullError(f"No room left to download {url}: free some space and run again.") from error
        raise StoreError(
            f"{url} could not be written to disk: {error.strerror}. Check the state folder."
        ) from error
