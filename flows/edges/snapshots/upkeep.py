"""Keeping a snapshot store in order: re-hash what it holds, remove what nothing needs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from flows.edges.clock import clock
from flows.edges.ledger.tables import issuances, manifests, scores
from flows.edges.snapshots.composition import part_names
from flows.edges.snapshots.index import Snapshot, SnapshotIndex
from flows.edges.snapshots.judging import suspects
from flows.edges.snapshots.objects import SnapshotObjects, State
from flows.edges.sql.database import reading
from pipeline.forecasts.manifest import Manifest
from pipeline.series import Series

# A file without an index row this old was left by a killed run; a younger one may be about to get its row.
_ORPHAN_AGE: Final = timedelta(days=1)


@dataclass(frozen=True)
class Damage:
    """A snapshot that cannot be used.

    Attributes:
        snapshot: Whose bytes they were.
        state: `damaged` or `missing`.
        path: Where they lie, or should.
    """

    snapshot: Snapshot
    state: State
    path: str


@dataclass(frozen=True)
class Verification:
    """What re-hashing every snapshot found.

    Attributes:
        whole: How many are as they were stored.
        pruned: How many were removed on purpose.
        damaged: Those that cannot be used.
        orphans: sha256 of files that the index does not name, left by killed runs; harmless.
    """

    whole: int
    pruned: int
    damaged: tuple[Damage, ...]
    orphans: tuple[str, ...]


@dataclass(frozen=True)
class Pruning:
    """What a pruning removes, or removed.

    Attributes:
        snapshots: Superseded ones that nothing names.
        orphans: sha256 of files without an index row.
        freed: Bytes on the disk, compressed.
        kept: Snapshots that stay.
    """

    snapshots: tuple[Snapshot, ...]
    orphans: tuple[str, ...]
    freed: int
    kept: int


def verify(index: SnapshotIndex, objects: SnapshotObjects, series: Series | None) -> Verification:
    """Re-hash every snapshot.

    Raises:
        StoreError: The store cannot be reached.
    """
    listed = index.snapshots(series)
    states = {name: objects.examine(name)[1] for name in {one.sha256 for one in listed}}
    pruned = {name for name in index.pruned() if states.get(name) == "missing"}
    damaged = [one for one in listed if states[one.sha256] != "whole" and one.sha256 not in pruned]
    gone = sum(one.sha256 in pruned for one in listed)
    return Verification(
        whole=len(listed) - gone - len(damaged),
        pruned=gone,
        damaged=tuple(Damage(one, states[one.sha256], objects.path(one.sha256)) for one in damaged),
        orphans=_orphans(index, objects),
    )


def prune(
    index: SnapshotIndex, objects: SnapshotObjects, *, keep: Collection[str], before: datetime, dry_run: bool
) -> Pruning:
    """Remove the bytes of superseded snapshots; the policy is told by `SnapshotStore.prune`.

    Raises:
        StoreError: The store refused; what was removed by then is recorded as such.
    """
    sizes = objects.names()
    present = [one for one in index.snapshots(None) if one.sha256 in sizes]
    needed = {*keep, *_current(index, before)}
    needed.update(*(part_names(one.url) for one in present if one.sha256 in needed))
    unneeded = tuple(one for one in present if one.sha256 not in needed)
    orphans = _orphans(index, objects)
    names = [*dict.fromkeys(one.sha256 for one in unneeded), *orphans]
    if not dry_run and names:
        # Recorded first: killed in between, a file that is still there counts as there.
        index.add_pruning(names, now=clock())
        for name in names:
            objects.remove(name)
    return Pruning(unneeded, orphans, sum(sizes[name] for name in names), len(present) - len(unneeded))


def _current(index: SnapshotIndex, before: datetime) -> set[str]:
    """sha256 of what a source had last, of what is used of it, and of what it had at or after an instant."""
    looks = index.fetches()
    last = {look.series: look.sha256 for look in looks}
    used = (index.latest(series, without=suspects(index.judgements(series))) for series in last)
    recent = (look.sha256 for look in looks if look.fetched_at >= before)
    return {*last.values(), *(one.sha256 for one in used if one is not None), *recent}


def _orphans(index: SnapshotIndex, objects: SnapshotObjects) -> tuple[str, ...]:
    """sha256 of files that no index row names and none is about to."""
    named = {one.sha256 for one in index.snapshots(None)}
    unnamed = sorted(set(objects.names()) - named)
    return tuple(name for name in unnamed if clock() - objects.written_at(name) > _ORPHAN_AGE)


def used_snapshots(engine: sa.Engine) -> frozenset[str]:
    """sha256 of every snapshot that the ledger needs: a forecast, the fit behind it or a score names it.

    Raises:
        StoreError: The database refused.
    """
    named = sa.union(sa.select(issuances.c.snapshot_sha256), sa.select(scores.c.snapshot_sha256))
    with reading(engine) as connection:
        used = set(connection.execute(named).scalars())
        texts = connection.execute(sa.select(manifests.c.manifest)).scalars().all()
    made_of = [Manifest.from_json(text) for text in texts]
    return frozenset(used.union(*((*one.snapshots, *one.read.values()) for one in made_of)))
