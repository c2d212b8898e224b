"""The snapshot store: every file that was ever downloaded, byte for byte, once, with an index of what it is.

A file that lost days of the last good one, or tells other closes, is kept and is suspect: nothing here gives it to be
used until a person accepts it.

Bytes lie in a folder or an object store, the index in the database. Bytes are written first and whole, the index
row after them in one transaction: killed at any point, the store holds what it held before, or also the new file.
"""

import hashlib
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from flows.edges.snapshots.composition import DOCUMENT, Composition, compose, part_names, part_series
from flows.edges.snapshots.index import Fetch, Judgement, Snapshot, SnapshotIndex
from flows.edges.snapshots.judging import Vintage, current_judgements, judge, suspects, usable_from
from flows.edges.snapshots.objects import SnapshotObjects, State
from flows.edges.snapshots.readings import Readings
from flows.edges.snapshots.upkeep import Damage, Pruning, Verification, prune, verify
from pipeline.addresses.address import Address
from pipeline.candles import Account
from pipeline.candles.account import Reading
from pipeline.errors import CandleFileError, DamagedSnapshotError, StoreError
from pipeline.series import Series

__all__ = ["Damage", "Fetch", "Judgement", "Pruning", "Snapshot", "SnapshotStore", "Verification", "Vintage"]


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
        self._readings = Readings()

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
        """Keep a file's bytes, record this look at them, and judge whether they may be used.

        Bytes that are known stay as they were first seen.

        Args:
            content: The file as it was served.
            series: Whose candles it holds.
            url: Where it came from, without secrets.
            fetched_at: When, aware.
            etag: The source's validators; empty where it gave none.
            last_modified: As `etag`.
            account: Of the same bytes (`read_new`).

        Raises:
            CandleFileError: The account holds no candle, or the bytes are no candle file.
            DiskFullError: There is no room; the store is as it was.
            StoreError: The folder or the database refused; the store is as it was.
        """
        data = content.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        snapshot = self._index.find(sha256, series) or Snapshot(
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
        self._record(snapshot, Fetch(sha256, series, url, fetched_at, etag, last_modified))
        return self._index.find(sha256, series) or snapshot

    def see_again(self, fetch: Fetch) -> Snapshot:
        """Record that a source still has the bytes of a known snapshot, and judge whether they may be used.

        Raises:
            StoreError: They are not in the store.
        """
        snapshot = self._index.find(fetch.sha256, fetch.series)
        if snapshot is None:
            raise StoreError(f"Snapshot {fetch.sha256[:12]} of {fetch.series} is not in {self._objects.url}.")
        self._record(snapshot, fetch)
        return snapshot

    def staged(self) -> AbstractContextManager[BinaryIO]:
        """A temporary file for a download; it is gone after the block, or when the next one comes if killed.

        Raises:
            DiskFullError: There is no room.
            StoreError: The folder cannot be written.
        """
        return self._objects.staged()

    def read(self, snapshot: Snapshot) -> bytes:
        """The bytes, re-hashed, and so are the files of a composition.

        Raises:
            DamagedSnapshotError: They are damaged, missing or pruned, which is said.
            StoreError: The store refused.
        """
        content, state = self._objects.examine(snapshot.sha256)
        if state != "whole":
            raise DamagedSnapshotError(self._complaint(snapshot, state))
        if part_names(snapshot.url):
            for part in self._parts(Composition.read(content), snapshot.series):
                self.read(part)
        return content

    def reading(self, snapshot: Snapshot) -> Reading:
        """The candles of a snapshot and the account of its rows; its bytes are re-hashed each time and parsed once.

        Raises:
            CandleFileError: The bytes are no candle file of the series.
            StoreError: As `read`.
        """
        content = self.read(snapshot)
        if part_names(snapshot.url):
            return self._compose(content, snapshot.series)
        return self._readings.of(content, series=snapshot.series, fetched_at=snapshot.fetched_at)

    def read_new(self, content: bytes, *, series: Series, now: datetime) -> Reading:
        """The candles of bytes that a source has now, as their snapshot gives them once they are added.

        Raises:
            CandleFileError: The bytes are no candle file of the series.
        """
        if content.startswith(DOCUMENT):
            return self._compose(content, series)
        known = self._index.find(hashlib.sha256(content).hexdigest(), series)
        return self._readings.of(content, series=series, fetched_at=known.fetched_at if known else now)

    def is_whole(self, sha256: str) -> bool:
        """Whether those bytes are there as they were stored."""
        return self._objects.examine(sha256)[1] == "whole"

    def latest(self, series: Series, *, known_at: datetime | None = None) -> Snapshot | None:
        """What is to be used: what the last look at the series' source saw that was not suspect.

        Args:
            series: Which.
            known_at: What was to be used then, by the looks and judgements of then; None for now.
        """
        barred = suspects(self._index.judgements(series), at=known_at)
        return self._index.latest(series, known_at=known_at, without=barred)

    def suspicion(self, series: Series) -> Judgement | None:
        """Why what the last look at the series' source saw is not used; None where it is."""
        seen = self._index.latest(series)
        standing = self.judgements(series).get(seen.sha256) if seen else None
        return standing if standing and standing.verdict == "suspect" else None

    def judgements(self, series: Series) -> dict[str, Judgement]:
        """What holds of a series' snapshots, by sha256; one of which nothing was said is usable."""
        return current_judgements(self._index.judgements(series))

    def usable_since(self, snapshot: Snapshot) -> datetime:
        """When a snapshot that is usable became so: its first sight, unless it was suspect."""
        judgement = self.judgements(snapshot.series).get(snapshot.sha256)
        return judgement.judged_at if judgement else snapshot.fetched_at

    def accept(self, snapshot: Snapshot, *, now: datetime) -> bool:
        """Let a suspect snapshot be used from now on, because a person says so; False where it is not suspect.

        Raises:
            StoreError: Its bytes are not whole, or the database refused.
        """
        self.read(snapshot)
        standing = self.judgements(snapshot.series).get(snapshot.sha256)
        if standing is None or standing.verdict != "suspect":
            return False
        self._index.add_judgement(Judgement(snapshot.sha256, snapshot.series, "accepted", "", "", now))
        return True

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

    def vintages(self, series: Series, *, with_pruned: bool = False) -> tuple[Vintage, ...]:
        """What was to be used, one after the other; a file that came back is there twice.

        Args:
            series: Which.
            with_pruned: Whether those are told too whose bytes are gone.
        """
        known = {snapshot.sha256: snapshot for snapshot in self._index.snapshots(series)}
        present = known if with_pruned else self._objects.names()
        looks = [fetch for fetch in self._index.fetches(series) if fetch.sha256 in present]
        used = usable_from(looks, self._index.judgements(series))
        return tuple(Vintage(since, known[sha256]) for since, sha256 in used)

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

    def _compose(self, content: bytes, series: Series) -> Reading:
        composition = Composition.read(content)
        parts = self._parts(composition, series)
        return compose(composition, [self.reading(part) for part in parts], series)

    def _parts(self, composition: Composition, series: Series) -> Sequence[Snapshot]:
        """The snapshots that a composition names.

        Raises:
            DamagedSnapshotError: The index does not have one.
        """
        found = [self._index.find(one.sha256, part_series(series, one.source)) for one in composition.parts]
        if None in found:
            lost = composition.parts[found.index(None)]
            raise DamagedSnapshotError(
                f"Snapshot {lost.sha256[:12]} of {lost.source}, a part of what is used of {series}, is not in the "
                "index; restore the database from a backup."
            )
        return [one for one in found if one is not None]

    def _record(self, snapshot: Snapshot, fetch: Fetch) -> None:
        judgement = judge(self._index, self.reading, snapshot, at=fetch.fetched_at)
        self._index.add(snapshot, fetch, judgement)

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
