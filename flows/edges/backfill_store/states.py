"""What the units' table says: which chunks are open, how many units have each status, what they took."""

from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from flows.edges.backfill_store.tables import backfill_units as units
from flows.edges.backfill_store.tables import backfills
from flows.edges.sql.database import reading, shared_now
from pipeline.backfill.description import Timings
from pipeline.series import Series

STATUSES: Final = ("pending", "running", "done", "failed", "refused", "cancelled")


class BackfillStates:
    """The states of one database's units; nothing here changes them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def now(self) -> datetime:
        """The instant that leases begin at and are compared with, the same for every worker and driver."""
        return shared_now(self._engine)

    def open_chunks(self, backfill_id: str, *, now: datetime) -> list[int]:
        """Chunks with a unit that could be claimed now, in the order of work."""
        held = units.alias("held")
        elsewhere = sa.exists().where(
            held.c.backfill_id == backfill_id,
            held.c.chunk == units.c.chunk,
            held.c.status == "running",
            held.c.lease_until >= now,
        )
        query = (
            sa.select(units.c.chunk)
            .where(units.c.backfill_id == backfill_id, units.c.status.in_(("pending", "running")), ~elsewhere)
            .distinct()
            .order_by(units.c.chunk)
        )
        with reading(self._engine) as connection:
            return [int(chunk) for chunk in connection.execute(query).scalars() if chunk is not None]

    def unfinished_chunks(self, backfill_id: str) -> frozenset[int]:
        """Chunks with a unit that is pending or in a worker's hands."""
        query = sa.select(units.c.chunk).where(
            units.c.backfill_id == backfill_id, units.c.status.in_(("pending", "running"))
        )
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query.distinct()).scalars())

    def live_chunks(self, backfill_id: str, *, now: datetime) -> frozenset[int]:
        """Chunks that a live worker holds a unit of."""
        query = sa.select(units.c.chunk).where(
            units.c.backfill_id == backfill_id, units.c.status == "running", units.c.lease_until >= now
        )
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query.distinct()).scalars())

    def held_until(self, backfill_id: str) -> datetime | None:
        """When the last lease runs out; None where no unit is in a worker's hands."""
        query = sa.select(sa.func.max(units.c.lease_until, type_=units.c.lease_until.type)).where(
            units.c.backfill_id == backfill_id, units.c.status == "running"
        )
        with reading(self._engine) as connection:
            until: datetime | None = connection.execute(query).scalar()
        return until

    def counts(self, backfill_id: str) -> dict[str, int]:
        """Units by status, each status named."""
        query = (
            sa.select(units.c.status, sa.func.count())
            .where(units.c.backfill_id == backfill_id)
            .group_by(units.c.status)
        )
        with reading(self._engine) as connection:
            found = {str(status): int(count) for status, count in connection.execute(query)}
        return {status: found.get(status, 0) for status in STATUSES}

    def listed(self) -> list[dict[str, Any]]:
        """Every backfill, the newest first: `id`, `created_at`, `request` (JSON), `model_id`, and units by status."""
        query = sa.select(backfills).order_by(backfills.c.created_at.desc(), backfills.c.id)
        told = sa.select(units.c.backfill_id, units.c.status, sa.func.count()).group_by(
            units.c.backfill_id, units.c.status
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
            counts: dict[str, dict[str, int]] = {}
            for backfill_id, status, count in connection.execute(told):
                counts.setdefault(backfill_id, {})[status] = count
        return [
            {
                **{name: row[name] for name in ("id", "created_at", "request", "model_id")},
                "units": counts.get(row["id"], {}),
            }
            for row in rows
        ]

    def rows(self, backfill_id: str) -> list[dict[str, Any]]:
        """Every unit as it stands, by series and day."""
        query = sa.select(units).where(units.c.backfill_id == backfill_id)
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(units.c.series, units.c.as_of)).mappings().all()
        return [dict(row) for row in found]

    def failed_days(self, series: Series, model_id: str, *, since: date, until: date) -> frozenset[date]:
        """as_of days that failed when a backfill of the model last tried them."""
        later, its = units.alias("later"), backfills.alias("its")
        tried_again = sa.exists().where(
            its.c.id == later.c.backfill_id,
            its.c.model_id == model_id,
            later.c.series == units.c.series,
            later.c.as_of == units.c.as_of,
            later.c.status.in_(("done", "refused")),
            later.c.ended_at > units.c.ended_at,
        )
        query = (
            sa.select(units.c.as_of)
            .join_from(units, backfills)
            .where(
                units.c.series == str(series),
                units.c.as_of.between(since, until),
                units.c.status == "failed",
                backfills.c.model_id == model_id,
                ~tried_again,
            )
            .distinct()
        )
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def timings(self, model_id: str) -> Timings | None:
        """What a fit of the model and a unit beside it took on average; None before the first."""
        rest = units.c.total_s - sa.func.coalesce(units.c.fit_s, 0.0)
        query = (
            sa.select(sa.func.avg(units.c.fit_s), sa.func.avg(rest))
            .join_from(units, backfills)
            .where(backfills.c.model_id == model_id, units.c.total_s.is_not(None))
        )
        with reading(self._engine) as connection:
            fit, other = connection.execute(query).one()
        return None if fit is None or other is None else Timings(float(fit), float(other))
