"""The index of snapshots in the database: what was fetched when, what it holds, and what was judged of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import sqlalchemy as sa

from flows.edges.sql.database import insert_missing, reading, writing
from flows.edges.sql.tables import fetches, judgements, prunings, snapshots
from pipeline.series import Series


@dataclass(frozen=True)
class Snapshot:
    """The immutable bytes of one file of a series.

    Attributes:
        sha256: Of the bytes as they were served, in hex.
        series: Whose candles they are.
        url: Where they came from, without user, password and query.
        fetched_at: When these bytes were first seen, UTC.
        etag: The source's validators at first sight; empty where it gave none.
        last_modified: As `etag`.
        size: Bytes, not compressed.
        rows: Candles.
        first: Day of the oldest candle.
        last: Day of the newest candle.
    """

    sha256: str
    series: Series
    url: str
    fetched_at: datetime
    etag: str
    last_modified: str
    size: int
    rows: int
    first: date
    last: date


@dataclass(frozen=True)
class Fetch:
    """One look at a source: what it had then, a 304 too.

    Attributes:
        sha256: The bytes it had.
        series: What was asked for.
        url: Without user, password and query.
        fetched_at: When, UTC.
        etag: The validators to ask with next time; empty where there are none.
        last_modified: As `etag`.
    """

    sha256: str
    series: Series
    url: str
    fetched_at: datetime
    etag: str
    last_modified: str


@dataclass(frozen=True)
class Judgement:
    """Whether a snapshot may be used from an instant on.

    Attributes:
        sha256: Of which bytes.
        series: As whose candles.
        verdict: `suspect`: not used; `usable`: no longer suspect; `accepted`: used because a person says so.
        reason: Why it is suspect; empty otherwise.
        against: sha256 of the snapshot that it was held against; empty where a person spoke.
        judged_at: When, UTC: that of the look at the source, or of the acceptance.
    """

    sha256: str
    series: Series
    verdict: Literal["suspect", "usable", "accepted"]
    reason: str
    against: str
    judged_at: datetime


_JUDGED: Final = [
    judgements.c[name] for name in ("sha256", "series", "verdict", "reason", "against", "judged_at")
]
_FETCHED: Final = [
    fetches.c[name] for name in ("sha256", "series", "url", "fetched_at", "etag", "last_modified")
]
_SEEN: Final = snapshots.join(
    fetches, (snapshots.c.series == fetches.c.series) & (snapshots.c.sha256 == fetches.c.sha256)
)


class SnapshotIndex:
    """Rows are only added; every method raises StoreError where the database refuses."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, snapshot: Snapshot, fetch: Fetch, judgement: Judgement | None) -> None:
        """Record a look at a source, the snapshot where its bytes are new, and what was judged of them, at once."""
        with writing(self._engine) as connection:
            insert_missing(connection, snapshots, [_row(snapshot)])
            connection.execute(fetches.insert(), _row(fetch))
            if judgement is not None:
                connection.execute(judgements.insert(), _row(judgement))

    def add_judgement(self, judgement: Judgement) -> None:
        """Record what was judged of a snapshot that is known."""
        with writing(self._engine) as connection:
            connection.execute(judgements.insert(), _row(judgement))

    def add_pruning(self, sha256s: Sequence[str], *, now: datetime) -> None:
        """Record that bytes are removed on purpose."""
        with writing(self._engine) as connection:
            connection.execute(prunings.insert(), [{"sha256": name, "pruned_at": now} for name in sha256s])

    def latest(
        self, series: Series, *, known_at: datetime | None = None, without: Collection[str] = ()
    ) -> Snapshot | None:
        """What the last look at a series' source saw; looks after `known_at` and some sha256 are left out."""
        query = sa.select(snapshots).select_from(_SEEN).where(fetches.c.series == str(series))
        if without:
            query = query.where(snapshots.c.sha256.not_in(without))
        if known_at is not None:
            query = query.where(fetches.c.fetched_at <= known_at)
        return self._first(query.order_by(fetches.c.fetched_at.desc(), fetches.c.id.desc()))

    def find(self, sha256: str, series: Series | None = None) -> Snapshot | None:
        """The snapshot of those bytes, the first where several series were served them."""
        query = sa.select(snapshots).where(snapshots.c.sha256 == sha256)
        if series is not None:
            query = query.where(snapshots.c.series == str(series))
        return self._first(query.order_by(snapshots.c.fetched_at))

    def snapshots(self, series: Series | None) -> tuple[Snapshot, ...]:
        """Snapshots by series, oldest first."""
        query = sa.select(snapshots).order_by(snapshots.c.series, snapshots.c.fetched_at, snapshots.c.sha256)
        if series is not None:
            query = query.where(snapshots.c.series == str(series))
        return tuple(_snapshot(row) for row in self._rows(query))

    def fetches(self, series: Series | None = None) -> tuple[Fetch, ...]:
        """Every look at the sources by series, oldest first."""
        query = sa.select(*_FETCHED).order_by(fetches.c.series, fetches.c.fetched_at, fetches.c.id)
        if series is not None:
            query = query.where(fetches.c.series == str(series))
        return tuple(_fetch(row) for row in self._rows(query))

    def last_fetch(self, series: Series, url: str) -> Fetch | None:
        """The last look at a URL, in the order in which they were made."""
        query = sa.select(*_FETCHED).where(fetches.c.series == str(series), fetches.c.url == url)
        rows = self._rows(query.order_by(fetches.c.id.desc()).limit(1))
        return _fetch(rows[0]) if rows else None

    def judgements(self, series: Series | None) -> tuple[Judgement, ...]:
        """What was judged of a series' snapshots, or of all, in the order in which it holds."""
        query = sa.select(*_JUDGED).order_by(judgements.c.judged_at, judgements.c.id)
        if series is not None:
            query = query.where(judgements.c.series == str(series))
        return tuple(_judgement(row) for row in self._rows(query))

    def pruned(self) -> frozenset[str]:
        """sha256 of bytes that were removed on purpose, some of which may have come again."""
        return frozenset(row["sha256"] for row in self._rows(sa.select(prunings.c.sha256)))

    def _first(self, query: sa.Select[Any]) -> Snapshot | None:
        rows = self._rows(query.limit(1))
        return _snapshot(rows[0]) if rows else None

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        with reading(self._engine) as connection:
            return connection.execute(query).mappings().all()


def _row(record: Snapshot | Fetch | Judgement) -> dict[str, Any]:
    return {**vars(record), "series": str(record.series)}


def _snapshot(row: sa.RowMapping) -> Snapshot:
    return Snapshot(**{**row, "series": _series(row["series"])})


def _fetch(row: sa.RowMapping) -> Fetch:
    return Fetch(**{**row, "series": _series(row["series"])})


def _judgement(row: sa.RowMapping) -> Judgement:
    return Judgement(**{**row, "series": _series(row["series"])})


def _series(text: str) -> Series:
    """A series as it was written, one of several sources' too, which nobody can ask for by name."""
    return Series(*text.split("/"))
