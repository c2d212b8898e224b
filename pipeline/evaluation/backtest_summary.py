"""A backtest in numbers: skill, coverage and errors by calendar year and by horizon."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.features.day_axis import DayAxis, IntArray, day_date
from pipeline.forecasts.quantiles import COVERAGES, MEDIAN, FloatArray
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.scores.common_days import on_common_cells
from pipeline.scores.metrics import (
    coverage,
    diebold_mariano,
    mean_absolute_error,
    mean_absolute_scaled_error,
    relative_wis,
    weighted_interval_score,
)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Forecasts of a walk beside the random walk's, with what came.

    Attributes:
        years: Calendar year of each as_of day, array of shape (n,).
        dates: The as_of days, array of shape (n,), `datetime64[D]`.
        close: Last close at each, array of shape (n,).
        actual: Log returns, array of shape (n, 7), NaN where the target has no candle.
        quantiles: Of log returns, array of shape (n, 7, 23).
        walk: The random walk's, same shape.
        persistence: MAE of one-day persistence before the first as_of, in quote currency: the scale of MASE.
    """

    years: IntArray
    dates: "np.ndarray[Any, np.dtype[np.datetime64]]"
    close: FloatArray
    actual: FloatArray
    quantiles: FloatArray
    walk: FloatArray
    persistence: float

    def scores(self, horizon: int) -> tuple[FloatArray, FloatArray]:
        """WIS of model and random walk on the days that both have, arrays of shape (n,), NaN elsewhere."""
        actual, column = self.actual[:, horizon - 1], horizon - 1
        own = weighted_interval_score(actual, self.quantiles[:, column])
        walk = weighted_interval_score(actual, self.walk[:, column])
        common = on_common_cells({"own": own, "walk": walk})
        return common["own"], common["walk"]


def collect_outcomes(days: DayAxis, rows: IntArray, quantiles: FloatArray) -> Outcomes:
    """What came after each forecast, and what the random walk said.

    Args:
        days: The candles; a filled day is no outcome.
        rows: As_of rows of the grid, rising, array of shape (n,).
        quantiles: Of log returns, array of shape (n, 7, 23).
    """
    places = days.place[rows]
    before = days.close[: int(places[0]) + 1][days.observed[: int(places[0]) + 1]]
    numbers = days.number[places]
    return Outcomes(
        years=np.array([day_date(int(number)).year for number in numbers]),
        dates=numbers.astype("datetime64[D]"),
        close=days.close[places],
        actual=days.outcomes[places],
        quantiles=quantiles,
        walk=random_walk_quantiles(days, places),
        persistence=float(np.abs(np.diff(before)).mean()),
    )


def summarise(outcomes: Outcomes, horizons: tuple[int, ...]) -> dict[str, Any]:
    """`overall` by horizon, and `years` by calendar year of as_of and horizon; NaN as None.

    Each cell is of the days that model and random walk both have at that horizon: `days`, how many; `wis`,
    `wis_random_walk`, `relative_wis`, `coverage_50_pct` … `coverage_95_pct`, `mae` and `mae_random_walk` (quote
    currency), `mase`, `dm_t` (above 0: better than the random walk), `dm_p`.
    """
    years = sorted(set(outcomes.years.tolist()))
    everything = np.ones(len(outcomes.years), dtype=bool)
    return {
        "overall": {str(h): _cell(outcomes, everything, h) for h in horizons},
        "years": {
            str(year): {str(h): _cell(outcomes, outcomes.years == year, h) for h in horizons}
            for year in years
        },
    }


def _cell(outcomes: Outcomes, chosen: "np.ndarray[Any, np.dtype[np.bool_]]", horizon: int) -> dict[str, Any]:
    column = horizon - 1
    own, walk = (scores[chosen] for scores in outcomes.scores(horizon))
    scored = np.isfinite(own)
    actual = np.where(scored, outcomes.actual[chosen, column], np.nan)
    quantiles = outcomes.quantiles[chosen, column]
    close = outcomes.close[chosen]
    price, predicted = close * np.exp(actual), close * np.exp(quantiles[:, MEDIAN])
    test = diebold_mariano(own, walk, horizon=horizon)
    values = {
        "days": int(scored.sum()),
        "wis": _mean(own),
        "wis_random_walk": _mean(walk),
        "relative_wis": relative_wis(own, walk),
        **{f"coverage_{percent}_pct": 100 * coverage(actual, quantiles, percent) for percent in COVERAGES},
        "mae": mean_absolute_error(price, predicted),
        "mae_random_walk": mean_absolute_error(price, close),
        "mase": mean_absolute_scaled_error(price, predicted, scale=outcomes.persistence),
        "dm_t": test.t,
        "dm_p": test.p,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _mean(scores: FloatArray) -> float:
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else math.nan
