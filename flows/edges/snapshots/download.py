"""A source's present file into the snapshot store, or a clear no with nothing changed.

Bytes are checked before they become a snapshot: what is no candle file of the series (a web page, an empty body, a body
cut within a line, another market) is refused and not kept. The error tells what was received. A candle file that lost
days of the last good one, or tells other closes, is kept as evidence, and the last good one is what is used.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from flows.edges.files.file_store import NO_ROOM
from flows.edges.http.http_file import Answer, Progress
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.snapshots.store import Fetch, Judgement, Snapshot, SnapshotStore
from flows.edges.sources.base import base_of
from flows.edges.sources.registry import DEFAULT
from flows.edges.sources.source import Look, Source
from pipeline.addresses.address import Address
from pipeline.candles import Account
from pipeline.errors import CandleFileError, DiskFullError, SourceError, StoreError
from pipeline.series import Series

_MIB: Final = 2**20
_BYTES_TOLD: Final = 60
_WEB_PAGE: Final = re.compile(rb"(\xef\xbb\xbf)?\s*<[!?a-zA-Z]")
DEFAULT_POLICY: Final = RetryPolicy()


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
    base: Address | str,
    store: SnapshotStore,
    *,
    now: datetime,
    limit_mb: int,
    source: Source = DEFAULT,
    on_progress: Progress | None = None,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> Download:
    """Ask a source for a series' file and keep what it has.

    An unchanged file costs one conditional request. Where the stored bytes are damaged or suspect, they are fetched
    again whole.

    Args:
        series: Which file.
        base: URL (http, https) or folder (a path, file://) below which the source's files lie.
        store: Where bytes go.
        now: The instant of the look, aware.
        limit_mb: Largest file that is taken, MiB.
        source: Whose files they are.
        on_progress: Called with bytes so far and bytes in all, None where the source does not tell.
        policy: Time-outs and retries.

    Raises:
        UnknownSeriesError: The source does not have the file.
        SourceError: It could not be reached, refused, or has something else than candles of the series.
        DiskFullError: There is no room.
        StoreError: The snapshot store refused.
    """
    look = Look(series, source.place(series, base_of(base)), now, limit_mb * _MIB, policy, on_progress)
    before = store.latest(series)
    last = _if_usable(store, store.last_fetch(series, look.url))
    if last is not None:
        look = replace(look, etag=last.etag, last_modified=last.last_modified, held=_held(store, last))
    with store.staged() as file, _room_for(look.url):
        answer = source.fetch(look, file)
        file.flush()
        if answer.unchanged and last is not None:
            snapshot = store.see_again(_seen_again(look, answer, last))
        else:
            snapshot = _keep(look, Path(file.name), answer, store)
    suspicion, used = store.judgements(series).get(snapshot.sha256), store.latest(series)
    if suspicion and suspicion.verdict == "suspect" and used is not None:
        return Download(used, "suspect", suspicion)
    unchanged = before is not None and before.sha256 == snapshot.sha256
    return Download(snapshot, "unchanged" if unchanged else "new")


def _held(store: SnapshotStore, fetch: Fetch) -> Callable[[], bytes] | None:
    snapshot = store.find(fetch.sha256, fetch.series)
    return partial(store.read, snapshot) if snapshot else None


def _keep(look: Look, file: Path, answer: Answer, store: SnapshotStore) -> Snapshot:
    """Store the bytes if they are candles of the series."""
    return store.add(
        file,
        series=look.series,
        url=look.url,
        fetched_at=look.now,
        etag=answer.etag,
        last_modified=answer.last_modified,
        account=_account(look, file.read_bytes(), answer, store),
    )


def _seen_again(look: Look, answer: Answer, last: Fetch) -> Fetch:
    """The same bytes seen now; a 304 need not repeat the validators."""
    return Fetch(
        last.sha256,
        look.series,
        look.url,
        look.now,
        answer.etag or last.etag,
        answer.last_modified or last.last_modified,
    )


def _account(look: Look, content: bytes, answer: Answer, store: SnapshotStore) -> Account:
    if not content.strip():
        raise SourceError(f"{look.url} is empty ({len(content)} bytes). Run again later, or check --source.")
    received = _received(content, answer)
    if _WEB_PAGE.match(content):
        raise SourceError(f"{look.url} is a web page and not a CSV file: {received}. Check --source.")
    if not answer.delimited and not content.endswith(b"\n"):
        raise SourceError(
            f"{look.url} ended in the middle of a line after {len(content)} bytes. Run again later."
        )
    try:
        return store.read_new(content, series=look.series, now=look.now).account
    except CandleFileError as error:
        raise SourceError(f"{look.url} is no candle file of {look.series}: {error} ({received})") from error


def _if_usable(store: SnapshotStore, fetch: Fetch | None) -> Fetch | None:
    """The last look, unless its bytes are damaged or suspect: then the file must come whole again.

    A body that a proxy cut comes with the validators of the whole file, which would keep the whole one away.
    """
    if fetch is None or not store.is_whole(fetch.sha256):
        return None
    judgement = store.judgements(fetch.series).get(fetch.sha256)
    return None if judgement and judgement.verdict == "suspect" else fetch


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
