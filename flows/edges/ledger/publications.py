"""Publications of the ledger: which model's forecast of a day the readers were shown, and who chose it."""

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from flows.edges.ledger.tables import publications
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


def select_published_days(series: Series, since: date, until: date) -> sa.Select[tuple[date]]:
    """The days from `since` to `until` of which a forecast was published."""
    columns = publications.c
    return sa.select(columns.as_of).where(columns.series == str(series), columns.as_of.between(since, until))
