"""Reading the ledger: its rows as tables with named columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import sqlalchemy as sa

from flows.edges.ledger.tables import forecasts, issuances, scores, unpack_quantiles
from flows.edges.sql.tables import Instant
from pipeline.forecasts.columns import HITS, MEDIAN, QUANTILES, bounds
from pipeline.forecasts.quantiles import COVERAGES, FloatArray, interval
from pipeline.forecasts.quantiles import MEDIAN as MEDIAN_LEVEL
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame

_KEY: Final = (
    forecasts.c.series,
    forecasts.c.as_of,
    forecasts.c.horizon,
    forecasts.c.model_id,
    forecasts.c.mode,
    forecasts.c.issue,
)
_FORECAST_COLUMNS: Final = (
    *_KEY,
    forecasts.c.target_date,
    forecasts.c.last_close,
    forecasts.c.random_walk_from,
    forecasts.c.quantiles,
    issuances.c.model_version,
    issuances.c.run_id,
    issuances.c.snapshot_sha256,
    issuances.c.vintage,
    forecasts.c.now,
    issuances.c.issued_at,
    issuances.c.simulated_time,
    issuances.c.simulated_data,
    issuances.c.manifest_id,
)
_SCORE_COLUMNS: Final = (
    *_KEY,
    forecasts.c.target_date,
    forecasts.c.last_close,
    scores.c.actual_close,
    forecasts.c.quantiles,
    scores.c.wis,
    scores.c.absolute_error,
    scores.c.pit,
    *(scores.c[name] for name in HITS),
    scores.c.revision,
    scores.c.snapshot_sha256,
    scores.c.now,
    scores.c.scored_at,
    issuances.c.simulated_time,
    issuances.c.simulated_data,
)


@dataclass(frozen=True)
class Selection:
    """Which rows are meant; None means all.

    Attributes:
        series: One series.
        since: First day, included.
        until: Last day, included.
        model_ids: These models.
        mode: `live` or `backfill`.
        latest_only: Only the last issue of each forecast, and of that the last revision of its score.
    """

    series: Series | None = None
    since: date | None = None
    until: date | None = None
    model_ids: Sequence[str] | None = None
    mode: str | None = None
    latest_only: bool = True

    def conditions(self, day: sa.Column[date]) -> list[sa.ColumnElement[bool]]:
        """SQL conditions on the forecasts, the days being those of column `day`."""
        wanted: list[sa.ColumnElement[bool]] = []
        if self.series is not None:
            wanted.append(forecasts.c.series == str(self.series))
        if self.since is not None:
            wanted.append(day >= self.since)
        if self.until is not None:
            wanted.append(day <= self.until)
        if self.model_ids is not None:
            wanted.append(forecasts.c.model_id.in_(self.model_ids))
        if self.mode is not None:
            wanted.append(forecasts.c.mode == self.mode)
        if self.latest_only:
            wanted.append(is_last_issue())
        return wanted


@cache
def is_last_issue() -> sa.ColumnElement[bool]:
    """That no later issue of the same forecast exists: a probe of the key's index."""
    later = forecasts.alias("later_issue")
    same = (later.c[column.name] == column for column in _KEY[:-1])
    return ~sa.exists().where(*same, later.c.issue > forecasts.c.issue)


@cache
def is_last_revision() -> sa.ColumnElement[bool]:
    """That no later score of the same forecast exists."""
    later = scores.alias("later_score")
    return ~sa.exists().where(
        later.c.forecast_id == scores.c.forecast_id, later.c.revision > scores.c.revision
    )


def select_forecasts(connection: sa.Connection, selection: Selection) -> "DataFrame":
    """Forecasts whose as_of lies in the selection's days, by key; quantiles are arrays of shape (23,)."""
    query = (
        sa.select(*_FORECAST_COLUMNS)
        .join_from(forecasts, issuances)
        .where(*selection.conditions(forecasts.c.as_of))
        .order_by(*_KEY)
    )
    table, quantiles = _table(connection, query)
    return table.assign(**{QUANTILES: list(quantiles)})


def select_scores(connection: sa.Connection, selection: Selection) -> "DataFrame":
    """Scores whose target day lies in the selection's days, by key, with median and range ends."""
    query = (
        sa.select(*_SCORE_COLUMNS)
        .join_from(scores, forecasts)
        .join(issuances)
        .where(*selection.conditions(forecasts.c.target_date))
        .order_by(*_KEY, scores.c.revision)
    )
    if selection.latest_only:
        query = query.where(is_last_revision())
    table, quantiles = _table(connection, query)
    table[MEDIAN] = quantiles[:, MEDIAN_LEVEL]
    for coverage in COVERAGES:
        for name, values in zip(bounds(coverage), interval(quantiles, coverage), strict=True):
            table[name] = values
    return table


def _table(connection: sa.Connection, query: sa.Select[Any]) -> "tuple[DataFrame, FloatArray]":
    """The query's rows as typed columns, and their quantiles as one array of shape (n, 23)."""
    from pandas import DataFrame

    rows = connection.execute(query).all()
    columns = list(query.selected_columns)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    quantiles = unpack_quantiles(next(v for c, v in zip(columns, values, strict=True) if c.name == QUANTILES))
    typed = {c.name: _typed(c, v) for c, v in zip(columns, values, strict=True) if c.name != QUANTILES}
    return DataFrame(typed), quantiles


def _typed(column: sa.ColumnElement[Any], values: Sequence[Any]) -> Any:
    """Values in the type that the column declares: an empty table has the same types as a full one."""
    import pandas as pd

    kind = column.type
    if isinstance(kind, sa.Date):
        return np.array(values, dtype="datetime64[D]").astype("datetime64[us]")
    if isinstance(kind, Instant):
        return pd.DatetimeIndex(pd.array(values, dtype="datetime64[us, UTC]"))
    if isinstance(kind, sa.String):
        return pd.array(values, dtype="str")
    if isinstance(kind, sa.Boolean | sa.Double):
        return np.array(values, dtype=bool if isinstance(kind, sa.Boolean) else np.float64)
    return pd.array(values, dtype="Int64" if getattr(column, "nullable", False) else "int64")
