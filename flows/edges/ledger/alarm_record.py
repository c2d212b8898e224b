"""Alarms as they were raised, each once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from flows.edges.ledger.tables import alarms
from flows.edges.sql.database import reading, writing
from pipeline.monitoring.alarms import Alarm
from pipeline.series import Series


@dataclass(frozen=True)
class RaisedAlarm:
    """An alarm in the words in which it was first raised.

    Attributes:
        alarm: What it says.
        now: The instant that the run believed in.
        raised_at: The clock's instant.
    """

    alarm: Alarm
    now: datetime
    raised_at: datetime


class AlarmRecord:
    """The alarms of one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def keep(self, raised: Sequence[Alarm], *, now: datetime, raised_at: datetime) -> int:
        """Keep those that are not there yet; one of the same series, kind and first day is the same alarm.

        Returns:
            How many were added.

        Raises:
            StoreError: The database refused.
        """
        added = 0
        with writing(self._engine) as connection:
            for one in raised:
                same = (alarms.c.series == one.series, alarms.c.kind == one.kind, alarms.c.since == one.since)
                if connection.execute(sa.select(alarms.c.id).where(*same)).first() is None:
                    row = {**asdict(one), "now": now, "raised_at": raised_at}
                    connection.execute(sa.insert(alarms), row)
                    added += 1
        return added

    def raised(self, series: Sequence[Series] | None = None) -> tuple[RaisedAlarm, ...]:
        """Those of some series, or of all that ever were, the newest first.

        Raises:
            StoreError: The database refused.
        """
        query = sa.select(alarms).order_by(alarms.c.id.desc())
        if series is not None:
            query = query.where(alarms.c.series.in_([str(one) for one in series]))
        with reading(self._engine) as connection:
            return tuple(
                RaisedAlarm(Alarm(row.series, row.kind, row.message, row.since), row.now, row.raised_at)
                for row in connection.execute(query)
            )
