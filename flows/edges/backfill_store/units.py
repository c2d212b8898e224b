"""Units of backfills: who works on which, what became of each. Safe for any number of workers on any machines.

A worker claims one unit at a time with a lease and renews it while it works. One that dies says nothing more: its
lease runs out, and the unit can be claimed again. PostgreSQL keeps claims apart by a lock for each chunk,
SQLite by its one writer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from flows.edges.backfill_store.states import BackfillStates
from flows.edges.backfill_store.tables import backfill_units as units
from flows.edges.backfill_store.tables import backfills
from flows.edges.sql.database import reading, writing
from pipeline.backfill.plan import BackfillRequest, Unit
from pipeline.errors import InputError
from pipeline.series import Series

_AT_FIRST: Final = {"create": "pending", "retry": "pending", "skip": "done", "refuse": "refused"}
# A unit whose worker died so often is not tried again by itself.
MOST_ATTEMPTS: Final = 3
_ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Backfill:
    """A backfill as it was asked for.

    Attributes:
        id: By which it is named.
        request: What was asked for.
        recipe: The recipe's values.
        model_id: Of the recipe.
        now: The instant that decided which days are complete.
        created_at: The clock's.
        lease_s: Seconds that a worker may say nothing.
        run_id: Its MLflow run.
    """

    id: str
    request: BackfillRequest
    recipe: dict[str, Any]
    model_id: str
    now: datetime
    created_at: datetime
    lease_s: float
    run_id: str

    @property
    def lease(self) -> timedelta:
        """How long a worker may say nothing."""
        return timedelta(seconds=self.lease_s)


@dataclass(frozen=True)
class Claim:
    """A unit in a worker's hands."""

    id: int
    series: Series
    as_of: date
    fit_day: date
    snapshot_sha256: str


class BackfillUnits(BackfillStates):
    """The backfills of one database."""

    def add(self, backfill: Backfill, planned: Sequence[Unit]) -> None:
        """Keep a backfill and all its units, or nothing."""
        row = {
            **vars(backfill),
            "request": backfill.request.model_dump_json(),
            "recipe": json.dumps(backfill.recipe),
        }
        rows = [_row(backfill.id, position, unit) for position, unit in enumerate(planned)]
        with writing(self._engine) as connection:
            connection.execute(backfills.insert(), row)
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                connection.execute(units.insert(), rows[start : start + _ROWS_AT_ONCE])

    def find(self, backfill_id: str) -> Backfill:
        """The backfill of that id; `last` is the newest.

        Raises:
            InputError: There is none.
        """
        newest = sa.select(backfills).order_by(backfills.c.created_at.desc(), backfills.c.id)
        wanted = newest if backfill_id == "last" else newest.where(backfills.c.id == backfill_id)
        with reading(self._engine) as connection:
            row = connection.execute(wanted.limit(1)).mappings().first()
            known = connection.execute(sa.select(newest.subquery().c.id).limit(5)).scalars().all()
        if row is None:
            told = f"the newest are {', '.join(known)}" if known else "there is none yet"
            raise InputError(f"No backfill is named {backfill_id[:20]!r}; {told}.")
        request = BackfillRequest.model_validate_json(row["request"])
        return Backfill(**{**row, "request": request, "recipe": json.loads(row["recipe"])})

    def claim(self, backfill: Backfill, chunk: int, *, owner: str, now: datetime) -> Claim | None:
        """The chunk's next unit, now in the owner's hands; None where there is none, or another works on the chunk.

        A unit whose lease ran out is claimed again; after three deaths it has failed.
        """
        own = sa.and_(units.c.backfill_id == backfill.id, units.c.chunk == chunk)
        lost = sa.and_(units.c.status == "running", units.c.lease_until < now)
        held = units.alias("held")
        elsewhere = sa.exists().where(
            held.c.backfill_id == backfill.id,
            held.c.chunk == chunk,
            held.c.status == "running",
            held.c.lease_owner != owner,
            held.c.lease_until >= now,
        )
        free = (
            sa.select(units.c.id)
            .where(own, sa.or_(units.c.status == "pending", lost), ~elsewhere)
            .order_by(units.c.position)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        given_up = units.update().where(own, lost, units.c.attempts >= MOST_ATTEMPTS)
        taken = (
            units.update()
            .where(units.c.id == free.scalar_subquery())
            .values(
                status="running",
                why="",
                attempts=units.c.attempts + 1,
                lease_owner=owner,
                lease_until=now + backfill.lease,
            )
            .returning(units.c.id, units.c.series, units.c.as_of, units.c.fit_day, units.c.snapshot_sha256)
        )
        with writing(self._engine) as connection:
            _take_turns(connection, backfill, chunk)
            died = f"its worker died {MOST_ATTEMPTS} times"
            connection.execute(given_up.values(**_ended("failed", died, now)))
            row = connection.execute(taken).mappings().first()
        return None if row is None else Claim(**{**row, "series": Series.parse(row["series"])})

    def renew(self, backfill: Backfill, *, owner: str, now: datetime) -> None:
        """The owner is alive: its leases run from now."""
        mine = units.c.backfill_id == backfill.id, units.c.lease_owner == owner, units.c.status == "running"
        with writing(self._engine) as connection:
            connection.execute(units.update().where(*mine).values(lease_until=now + backfill.lease))

    def end(
        self,
        claim: Claim,
        status: str,
        *,
        owner: str,
        now: datetime,
        why: str = "",
        fit_s: float | None = None,
        total_s: float | None = None,
    ) -> bool:
        """Write down what became of a claimed unit; False where another has taken it over meanwhile.

        Args:
            claim: From `claim`.
            status: `done`, `failed` or `refused`.
            owner: Who claimed it.
            now: The clock's.
            why: Reason where it is not done.
            fit_s: Seconds of the fit where this unit needed one.
            total_s: Seconds in all.
        """
        mine = units.c.id == claim.id, units.c.lease_owner == owner, units.c.status == "running"
        values = {**_ended(status, why, now), "fit_s": fit_s, "total_s": total_s}
        with writing(self._engine) as connection:
            return connection.execute(units.update().where(*mine).values(**values)).rowcount == 1

    def reopen(self, backfill_id: str, *statuses: str) -> int:
        """Let units of those states be claimed again; how many they are. What never had a chunk stays."""
        wanted = (
            units.c.backfill_id == backfill_id,
            units.c.status.in_(statuses),
            units.c.chunk.is_not(None),
        )
        again = {"status": "pending", "why": "", "attempts": 0, "ended_at": None}
        with writing(self._engine) as connection:
            return connection.execute(units.update().where(*wanted).values(**again)).rowcount

    def cancel(self, backfill_id: str, *, now: datetime) -> int:
        """No unit is begun any more; those in a live worker's hands are finished. How many were cancelled."""
        lost = sa.and_(units.c.status == "running", units.c.lease_until < now)
        wanted = units.c.backfill_id == backfill_id, sa.or_(units.c.status == "pending", lost)
        with writing(self._engine) as connection:
            return connection.execute(
                units.update().where(*wanted).values(**_ended("cancelled", "", now))
            ).rowcount


def _take_turns(connection: sa.Connection, backfill: Backfill, chunk: int) -> None:
    """Claims of one chunk come one after the other: row locks alone let each take a unit of its own."""
    if connection.dialect.name == "postgresql":
        key = sa.func.hashtextextended(f"coincast backfill {backfill.id} {chunk}", 0)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _row(backfill_id: str, position: int, unit: Unit) -> dict[str, Any]:
    return {
        "backfill_id": backfill_id,
        "position": position,
        "chunk": unit.chunk,
        "series": unit.series,
        "as_of": unit.as_of,
        "fit_day": unit.fit_day,
        "snapshot_sha256": unit.snapshot,
        "status": _AT_FIRST[unit.outcome],
        "why": "" if unit.to_do else unit.why,
        "attempts": 0,
    }


def _ended(status: str, why: str, now: datetime) -> dict[str, Any]:
    return {"status": status, "why": why, "lease_owner": None, "lease_until": None, "ended_at": now}
