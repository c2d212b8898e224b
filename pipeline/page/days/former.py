"""Former forecasts: what was published on each day, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.forecasts.columns import (
    ACTUAL_CLOSE,
    AS_OF,
    BACKFILL,
    HORIZON,
    LIVE,
    MODE,
    MODEL_ID,
    QUANTILES,
    TARGET_DATE,
    WIS,
    hit,
)
from pipeline.forecasts.quantiles import MEDIAN, interval
from pipeline.scores.score_history import BASELINE_WIS, beside_random_walk

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN: Final = (95, 80, 50)
_ONE: Final = [AS_OF, HORIZON, MODEL_ID, MODE]


@dataclass(frozen=True)
class FormerHorizon:
    """One day of a former forecast, and what came.

    Attributes:
        horizon: Days ahead.
        target_date: The day it was about.
        mode: `live` or `backfill`.
        median: Its point forecast, in quote currency; NaN where the ledger's row cannot be read.
        ranges: Lower and upper end by coverage in percent.
        held: Whether the 80 percent range held the close; None while that is not known.
        actual: The close that came; None while it is not known.
        relative_wis: Its WIS over the random walk's of the same day; None where either is not known.
    """

    horizon: int
    target_date: date
    mode: str
    median: float
    ranges: Mapping[int, tuple[float, float]]
    held: bool | None = None
    actual: float | None = None
    relative_wis: float | None = None

    @property
    def outcome(self) -> str:
        """`held`, `missed` or `pending`."""
        return {None: "pending", True: "held", False: "missed"}[self.held]


@dataclass(frozen=True)
class Former:
    """What was published on one day.

    Attributes:
        as_of: Date of the last candle that it saw.
        model_id: Whose forecast.
        issued_at: When it was written, by the clock.
        simulated_time: Whether its run was told another instant than the clock's.
        model_version: Version in the registry.
        run_id: MLflow's run.
        snapshot: sha256 of the candles that it saw.
        horizons: Its days, the next one first.
    """

    as_of: date
    model_id: str
    issued_at: datetime
    simulated_time: bool
    model_version: str
    run_id: str
    snapshot: str
    horizons: tuple[FormerHorizon, ...]

    @property
    def next_day(self) -> tuple[FormerHorizon, ...]:
        """One day ahead; nothing where the ledger has no such row."""
        return tuple(row for row in self.horizons if row.horizon == 1)


def permalink(slug: str, as_of: date) -> str:
    """Where a former forecast stands for good, from the site's root."""
    return f"{month_page(slug, as_of)}#{anchor(as_of)}"


def month_page(slug: str, day: date) -> str:
    """The page of the forecasts of a month, from the site's root: `binance-btcusdt-1d/2026-03.html`."""
    return f"{slug}/{day:%Y-%m}.html"


def anchor(as_of: date) -> str:
    """Id of a forecast on its page."""
    return f"d{as_of.isoformat()}"


def month_links(slug: str, former: Sequence[Former]) -> list[dict[str, str]]:
    """Name and path of every month that has a page, the newest first."""
    names = {month_page(slug, one.as_of): f"{one.as_of:%B %Y}" for one in former}
    return [{"name": name, "path": path} for path, name in reversed(names.items())]


def outcomes_by_mode(former: Sequence[Former], *, days: int) -> dict[str, dict[str, str]]:
    """By mode and day: what became of the 80 percent range that was published the day before, for the last days."""
    first = former[-1].as_of - timedelta(days=days - 1)
    found: dict[str, dict[str, str]] = {LIVE: {}, BACKFILL: {}}
    for row in (row for one in former for row in one.next_day):
        if row.target_date >= first:
            found[row.mode][row.target_date.isoformat()] = row.outcome
    return found


def former_forecasts(
    forecasts: "DataFrame", scores: "DataFrame", *, published: Mapping[date, str], usual: str
) -> tuple[Former, ...]:
    """What readers were shown, oldest first; of a day that has both, what was said in time.

    Args:
        forecasts: Rows of one series as `Ledger.forecasts` gives them.
        scores: Rows as `Ledger.scores` gives them, the random walk's among them.
        published: model_id by as_of.
        usual: model_id of a day on which nothing was published, such as a backfilled one.
    """
    if forecasts.empty:
        return ()
    said = np.array([published.get(day.date(), usual) for day in forecasts[AS_OF]], dtype=object)
    rows = forecasts[(forecasts[MODEL_ID] == said).to_numpy(dtype=bool)]
    rows = rows.sort_values([AS_OF, HORIZON, MODE], ascending=[True, True, False])
    rows = _with_outcomes(rows.drop_duplicates([AS_OF, HORIZON]), scores)
    days: dict[date, list[dict[str, Any]]] = {}
    for row in rows.to_dict("records"):
        days.setdefault(row[AS_OF].date(), []).append({str(name): value for name, value in row.items()})
    return tuple(_former(as_of, found) for as_of, found in days.items())


def _with_outcomes(rows: "DataFrame", scores: "DataFrame") -> "DataFrame":
    wanted = [*_ONE, ACTUAL_CLOSE, hit(80), WIS, BASELINE_WIS]
    if scores.empty:
        return rows.assign(**dict.fromkeys(wanted[len(_ONE) :]))
    return rows.merge(beside_random_walk(scores, how="left")[wanted], on=_ONE, how="left")


def _former(as_of: date, rows: list[dict[str, Any]]) -> Former:
    head = rows[0]
    return Former(
        as_of=as_of,
        model_id=head[MODEL_ID],
        issued_at=head["issued_at"].to_pydatetime(),
        simulated_time=bool(head["simulated_time"]),
        model_version=head["model_version"],
        run_id=head["run_id"],
        snapshot=head["snapshot_sha256"],
        horizons=tuple(_horizon(row) for row in rows),
    )


def _horizon(row: Mapping[str, Any]) -> FormerHorizon:
    quantiles = np.asarray(row[QUANTILES], dtype=float)
    ends = {coverage: interval(quantiles, coverage) for coverage in SHOWN}
    known = row[ACTUAL_CLOSE] is not None and row[ACTUAL_CLOSE] == row[ACTUAL_CLOSE]
    times = row[WIS] / row[BASELINE_WIS] if known and row[BASELINE_WIS] > 0 else None
    return FormerHorizon(
        horizon=int(row[HORIZON]),
        target_date=row[TARGET_DATE].date(),
        mode=row[MODE],
        median=float(quantiles[MEDIAN]),
        ranges={coverage: (float(lower), float(upper)) for coverage, (lower, upper) in ends.items()},
        held=bool(row[hit(80)]) if known else None,
        actual=float(row[ACTUAL_CLOSE]) if known else None,
        relative_wis=times,
    )
