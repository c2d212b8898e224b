"""Scoring the ledger's forecasts when their targets are complete."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from flows.edges.ledger.queries import is_last_issue, is_last_revision
from flows.edges.ledger.tables import forecasts, scores, unpack_quantiles
from pipeline.errors import StoreError
from pipeline.forecasts.columns import PIT
from pipeline.scores.outcomes import outcomes
from pipeline.series import Series

# SQLite allows some thousands of parameters in a statement.
_CHUNK: Final = 500


@dataclass(frozen=True)
class Truth:
    """Where closes come from.

    Attributes:
        closes: Close of each day that was complete at `now`; a missing or filled day is not among them.
        last_complete: Newest day whose candle was complete at `now`.
        snapshot_sha256: The bytes they were read from.
        now: The instant that the run believes in.
        scored_at: The clock's instant.
    """

    closes: Mapping[date, float]
    last_complete: date
    snapshot_sha256: str
    now: datetime
    scored_at: datetime


class Restatement(NamedTuple):
    """A close that the vendor changed after forecasts of it had been scored."""

    target_date: date
    old_close: float
    new_close: float
    forecasts: int


@dataclass(frozen=True)
class ScoreReport:
    """What scoring found.

    Attributes:
        scored: New score rows, those of restated closes among them.
        unchanged: Forecasts whose score stands.
        restated: Changed closes, oldest first; each forecast of them has a new revision of its score.
        missing: Complete target days without a candle; forecasts of them have no score.
    """

    scored: int
    unchanged: int
    restated: tuple[Restatement, ...] = ()
    missing: tuple[date, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What a log should say: the number scored, each restatement, and the days without a truth."""
        told = [f"{self.scored} forecasts scored, {self.unchanged} scores stand."]
        told += [
            f"The vendor restated the close of {day} from {old:g} to {new:g}: {count} forecasts scored again."
            for day, old, new, count in self.restated
        ]
        if self.missing:
            told.append(
                f"No candle, no score: {', '.join(map(str, self.missing[:10]))}"
                f"{' …' if len(self.missing) > 10 else ''}."
            )
        return tuple(told)


class _Due(NamedTuple):
    forecast_id: int
    revision: int
    actual_close: float


def write_scores(connection: sa.Connection, series: Series, *, truth: Truth) -> ScoreReport:
    """Score what can be scored, inside the caller's transaction, in which nobody else writes this series."""
    due: list[_Due] = []
    missing: set[date] = set()
    restated: Counter[tuple[date, float, float]] = Counter()
    unchanged = 0
    for row in _current_scores(connection, series, until=truth.last_complete):
        close = truth.closes.get(row.target_date)
        if row.revision is None and close is None:
            missing.add(row.target_date)
        elif row.revision is None and close is not None:
            due.append(_Due(row.id, 1, close))
        # A run in the past, or a replay of one, knows less than the score that stands.
        elif close is None or close == row.actual_close or truth.now < row.now:
            unchanged += 1
        else:
            due.append(_Due(row.id, row.revision + 1, close))
            restated[row.target_date, row.actual_close, close] += 1
    for start in range(0, len(due), _CHUNK):
        connection.execute(scores.insert(), _rows(connection, due[start : start + _CHUNK], truth))
    changes = tuple(Restatement(*change, count) for change, count in sorted(restated.items()))
    return ScoreReport(len(due), unchanged, changes, tuple(sorted(missing)))


def _current_scores(connection: sa.Connection, series: Series, *, until: date) -> Sequence[Any]:
    """The last issue of every forecast with a complete target, beside the last revision of its score if any."""
    query = (
        sa.select(
            forecasts.c.id, forecasts.c.target_date, scores.c.revision, scores.c.actual_close, scores.c.now
        )
        .join_from(
            forecasts,
            scores,
            sa.and_(scores.c.forecast_id == forecasts.c.id, is_last_revision()),
            isouter=True,
        )
        .where(forecasts.c.series == str(series), forecasts.c.target_date <= until, is_last_issue())
        .order_by(forecasts.c.id)
    )
    return connection.execute(query).all()


def _rows(connection: sa.Connection, due: Sequence[_Due], truth: Truth) -> list[dict[str, Any]]:
    found = _issued(connection, [one.forecast_id for one in due])
    values = outcomes(
        unpack_quantiles([found[one.forecast_id].quantiles for one in due]),
        last_close=np.array([found[one.forecast_id].last_close for one in due]),
        actual=np.array([one.actual_close for one in due]),
    )
    damaged = [one.forecast_id for index, one in enumerate(due) if not np.isfinite(values[PIT][index])]
    if damaged:
        raise StoreError(
            f"The ledger's forecasts {', '.join(map(str, damaged[:5]))}{' …' if len(damaged) > 5 else ''} (table "
            "forecasts, column id) are damaged: their quantiles are no prices; restore the database from its backup."
        )
    told = {"snapshot_sha256": truth.snapshot_sha256, "now": truth.now, "scored_at": truth.scored_at}
    columns = {name: array.tolist() for name, array in values.items()}
    return [
        {**one._asdict(), **told, **{name: column[index] for name, column in columns.items()}}
        for index, one in enumerate(due)
    ]


def _issued(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Any]:
    query = sa.select(forecasts.c.id, forecasts.c.last_close, forecasts.c.quantiles).where(
        forecasts.c.id.in_(ids)
    )
    return {row.id: row for row in connection.execute(query)}
