"""Publications and decisions of the ledger: which model's forecast readers were shown, who chose it, and why."""

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from flows.edges.ledger.tables import decisions, publications
from pipeline.forecasts.columns import BY_GATE
from pipeline.series import Series


@dataclass(frozen=True)
class Publication:
    """Which model's forecast a series' page showed for a day.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        as_of: The forecast's day.
        model_id: Whose forecast.
        now: The instant that the run believed in.
        published_at: The clock's instant.
        chosen_by: `gate`, or `recipe` where the run's recipe is a baseline, which is published as configured.
        run_id: MLflow run that holds the choice; empty where only the forecast's own row names one.
    """

    series: str
    as_of: date
    model_id: str
    now: datetime
    published_at: datetime
    chosen_by: str = BY_GATE
    run_id: str = ""


@dataclass(frozen=True)
class GateRecord:
    """The gate's decision on a fit.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        as_of: The day that the fit was made for.
        model_id: Of the fit, the candidate.
        run_id: The fit's MLflow run.
        promoted: Whether the fit became champion.
        publish: model_id whose forecasts are published.
        reasons: A sentence each, refusals first.
        figures: The numbers behind them, by name.
        now: The instant that the run believed in.
        decided_at: The clock's instant.
        simulated_time: Whether `now` was given instead of read from the clock.
    """

    series: str
    as_of: date
    model_id: str
    run_id: str
    promoted: bool
    publish: str
    reasons: tuple[str, ...]
    figures: dict[str, float]
    now: datetime
    decided_at: datetime
    simulated_time: bool

    @property
    def outcome(self) -> str:
        """`promoted` or `refused`."""
        return "promoted" if self.promoted else "refused"

    @property
    def text(self) -> str:
        """All reasons."""
        return " ".join(self.reasons)


def select_publications(
    series: Series, as_of: date | None = None, chosen_by: str | None = None
) -> sa.Select[Any]:
    """Publications of a series, of one day or by one chooser where it is given; the newest day's newest row first."""
    columns = publications.c
    query = (
        sa.select(*(columns[field.name] for field in fields(Publication)))
        .where(columns.series == str(series))
        .order_by(columns.as_of.desc(), columns.id.desc())
    )
    if as_of is not None:
        query = query.where(columns.as_of == as_of)
    return query if chosen_by is None else query.where(columns.chosen_by == chosen_by)


def select_published_models(series: Series, since: date, until: date) -> sa.Select[tuple[date, str]]:
    """as_of and model_id of what was published from `since` to `until`, in the order of publication."""
    columns = publications.c
    days = columns.as_of.between(since, until)
    return (
        sa.select(columns.as_of, columns.model_id)
        .where(columns.series == str(series), days)
        .order_by(columns.id)
    )


def select_decisions(
    connection: sa.Connection, series: Series, *, as_of: date | None = None, run_id: str | None = None
) -> tuple[GateRecord, ...]:
    """Decisions of a series, of one day or of one fit where it is given, the newest first."""
    columns = decisions.c
    query = (
        sa.select(*(columns[field.name] for field in fields(GateRecord)))
        .where(columns.series == str(series))
        .order_by(columns.id.desc())
    )
    if as_of is not None:
        query = query.where(columns.as_of == as_of)
    if run_id is not None:
        query = query.where(columns.run_id == run_id)
    rows = connection.execute(query).mappings()
    return tuple(GateRecord(**{**row, "reasons": tuple(row["reasons"])}) for row in rows)
