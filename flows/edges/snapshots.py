"""The snapshot store: every file that was ever downloaded, byte for byte, once, with an index of what it is.

Bytes lie in a folder or an object store, the index in the database. Bytes are written first and whole, the index
row after them in one transaction: killed at any point, the store holds what it held before, or also the new file.
"""

import hashlib
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from flows.edges.snapshot_index import Fetch, Snapshot, SnapshotIndex
from flows.edges.snapshot_objects import SnapshotObjects, State
from flows.edges.snapshot_upkeep import Damage, Pruning, Verification, prune, verify
from pipeline.addresses import Address
from pipeline.candles import Account
from pipeline.errors import CandleFileError, StoreError
from pipeline.series import Series

__all__ = ["Damage", "Fetch", "Pruning", "Snapshot", "SnapshotStore", "Verification", "Vintage"]


@dataclass(frozen=True)
class Vintage:
    """What a source had from an instant on.

    Attributes:
        since: When it was first seen to have these bytes, after others or none.
        snapshot: The bytes; their own `fetched_at` may be earlier.
    """

    since: datetime
    snapshot: Snapshot


class SnapshotStore:
    """Snapshots of every series.

    Args:
        engine: Database of `open_database`.
        folder_url: Where bytes lie: a folder, or an fsspec URL as `s3://bucket/snapshots`.

    Raises:
        SettingsError: No such kind of URL.
    """

    def __init__(self, engine: sa.Engine, folder_url: Address | str) -> None:
        self._index = SnapshotIndex(engine)
        self._objects = SnapshotObjects(folder_url)

    def add(
        self,
        content: Path,
        *,
        series: Series,
        url: str,
        fetched_at: datetime,
        etag: str,
        last_modified: str,
        account: Account,
    ) -> Snapshot:
        """Keep a file's bytes; those that are known stay as they were first seen, and this look at them is recorded.

        Args:
            content: The file as it was served.
            series: Whose candles it holds.
            url: Where it came from, without secrets.
            fetched_at: When, aware.
            etag: The source's validators; empty where it gave none.
            last_modified: As `etag`.
            account: Of the same bytes (`read_candles`).

        Raises:
            CandleFileError: The account holds no candle.
            DiskFullError: There is no room; the store is as it was.
            StoreError: The folder or the database refused; the store is as it was.
        """
        data = content.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        snapshot = Snapshot(
            sha256=sha256,
            series=series,
            url=url,
            fetched_at=fetched_at,
            etag=etag,
            last_modified=last_modified,
            size=len(data),
            rows=account.rows_kept,
            first=_day(account.first),
            last=_day(account.last),
        )
        self._objects.put(sha256, data)
        self._index.add(snapshot, Fetch(sha256, series, url, fetched_at, etag, last_modified))
        return self._index.find(sha256, series) or snapshot

    def see_again(self, fetch: Fetch) -> Snapshot:
        """Record that a source still has the bytes of a known snapshot.

        Raises:
            StoreError: They are not in the store.
        """
        snapshot = self._index.find(fetch.sha256, fetch.series)
        if snapshot is None:
            raise StoreError(f"Snapshot {fetch.sha256[:12]} of {fetch.series} is not in {self._objects.url}.")
        self._index.add_fetch(fetch)
        return snapshot

    def staged(self) -> AbstractContextManager[BinaryIO]:
        """A temporary file for a download; it is gone after the block, or when the next one comes if killed.

        Raises:
            DiskFullError: There is no room.
            StoreError: The folder cannot be written.
        """
        return self._objects.staged()

    def read(self, snapshot: Snapshot) -> bytes:
        """The bytes, re-hashed.

        Raises:
            StoreError: They are damaged, missing or pruned, which is said, or the store refused.
        """
        content, state = self._objects.examine(snapshot.sha256)
        if state != "whole":
            raise StoreError(self._complaint(snapshot, state))
        return content

    def is_whole(self, sha256: str) -> bool:
        """Whether those bytes are there as they were stored."""
        return self._objects.examine(sha256)[1] == "whole"

    def latest(self, series: Series, *, known_at: datetime | None = None) -> Snapshot | None:
        """What the last look at the series' source saw, at or before `known_at` where it is given."""
        return self._index.latest(series, known_at=known_at)

    def find(self, sha256: str, series: Series | None = None) -> Snapshot | None:
        """The snapshot of those bytes; None if they were never stored."""
        return self._index.find(sha256, series)

    def list(self, series: Series | None = None) -> tuple[Snapshot, ...]:
        """Snapshots by series, oldest first; pruned ones too."""
        return self._index.snapshots(series)

    def fetches(self, series: Series | None = None) -> tuple[Fetch, ...]:
        """Every look at the sources by series, oldest first: a snapshot's last one tells when it was last checked."""
        return self._index.fetches(series)

    def last_fetch(self, series: Series, url: str) -> Fetch | None:
        """The last look at a URL: its validators make the next one conditional."""
        return self._index.last_fetch(series, url)

    def vintages(self, series: Series) -> tuple[Vintage, ...]:
        """What the source had, one after the other; a file that came back is there twice, a pruned one is left out."""
        known = {snapshot.sha256: snapshot for snapshot in self._index.snapshots(series)}
        present = self._objects.names()
        seen: list[Vintage] = []
        for fetch in self._index.fetches(series):
            if fetch.sha256 in present and (not seen or seen[-1].snapshot.sha256 != fetch.sha256):
                seen.append(Vintage(fetch.fetched_at, known[fetch.sha256]))
        return tuple(seen)

    def stored(self) -> frozenset[str]:
        """sha256 of the bytes that are there, whole or not; a listed snapshot that is not among them is gone."""
        return frozenset(self._objects.names())

    def verify(self, series: Series | None = None) -> Verification:
        """Re-hash every snapshot.

        Raises:
            StoreError: The store cannot be reached.
        """
        return verify(self._index, self._objects, series)

    def prune(self, *, keep: Collection[str], before: datetime, dry_run: bool = True) -> Pruning:
        """Remove the bytes of superseded snapshots that nothing needs; their index rows stay.

        Kept are those named in `keep`, each series' latest, and those that a source still had at or after `before`.

        Args:
            keep: sha256 of snapshots that forecasts, models or manifests were made of.
            before: Aware.
            dry_run: Tell what would be removed, and remove nothing.

        Raises:
            StoreError: The store refused; what was removed by then is recorded as such.
        """
        return prune(self._index, self._objects, keep=keep, before=before, dry_run=dry_run)

    def _complaint(self, snapshot: Snapshot, state: State) -> str:
        name = f"Snapshot {snapshot.sha256[:12]} of {snapshot.series}, fetched {snapshot.fetched_at:%Y-%m-%d %H:%M}"
        path = self._objects.path(snapshot.sha256)
        if state == "missing" and snapshot.sha256 in self._index.pruned():
            return f"{name}, was pruned: its bytes are gone. Use a later snapshot, or restore {path} from a backup."
        return (
            f"{name}, is {state} and was not used ({path}). Download the series again, which heals it while the "
            "source has the same bytes, or restore the file from a backup."
        )


def _day(text: str | None) -> date:
    if text is None:
        raise CandleFileError("A snapshot holds candles; the account of this file has none.")
    return date.fromisoformat(text[:10])
