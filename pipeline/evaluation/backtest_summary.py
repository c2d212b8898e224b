"""A backtest in numbers: skill, coverage and errors by calendar year and by horizon."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.features.day_axis import IntArray, day_date
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import MEDIAN, FloatArray
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.scores.common_days import on_common_cells
from pipeline.scores.formulas import one_day_persistence, weighted_interval_score
from pipeline.scores.metrics import BACKTEST, measure
from pipeline.scores.scored import ComparedRanges


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
        har_range: Those of `har-range` fitted on the same days, same shape.
        persistence: MAE of one-day persistence before the first as_of, in quote currency: the scale of MASE.
    """

    years: IntArray
    dates: "np.ndarray[Any, np.dtype[np.datetime64]]"
    close: FloatArray
    actual: FloatArray
    quantiles: FloatArray
    walk: FloatArray
    har_range: FloatArray
    persistence: float

    def scores(self, horizon: int) -> tuple[FloatArray, FloatArray]:
        """WIS of model and random walk on the days that both have, arrays of shape (n,), NaN elsewhere."""
        actual, column = self.actual[:, horizon - 1], horizon - 1
        own = weighted_interval_score(actual, self.quantiles[:, column])
        walk = weighted_interval_score(actual, self.walk[:, column])
        common = on_common_cells({"own": own, "walk": walk})
        return common["own"], common["walk"]


def collect_outcomes(
    grid: FeatureGrid, rows: IntArray, quantiles: FloatArray, har_range: FloatArray | None = None
) -> Outcomes:
    """What came after each forecast, and what the random walk said.

    Args:
        grid: The days; a filled day is no outcome.
        rows: As_of rows of the grid, rising, array of shape (n,).
        quantiles: Of log returns, array of shape (n, 7, 23).
        har_range: Those of `har-range`, same shape; None where it is not compared with.
    """
    days = grid.days
    places = days.place[rows]
    numbers = days.number[places]
    return Outcomes(
        years=np.array([day_date(int(number)).year for number in numbers]),
        dates=numbers.astype("datetime64[D]"),
        close=days.close[places],
        actual=days.outcomes[places],
        quantiles=quantiles,
        walk=random_walk_quantiles(days, places),
        har_range=np.full_like(quantiles, np.nan) if har_range is None else har_range,
        persistence=one_day_persistence(grid.table.iloc[: int(rows[0]) + 1]),
    )


def summarise(outcomes: Outcomes, horizons: tuple[int, ...]) -> dict[str, Any]:
    """`overall` by horizon, and `years` by calendar year of as_of and horizon; NaN as None.

    Each cell is of the days that model and random walk both have at that horizon: `days`, how many, and the metrics of
    `BACKTEST`.
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
    own, _ = outcomes.scores(horizon)
    scored, column = chosen & np.isfinite(own), horizon - 1
    close, outcome = outcomes.close[scored], outcomes.actual[scored, column]
    quantiles = outcomes.quantiles[scored, column]
    values = measure(
        BACKTEST,
        ComparedRanges(
            actual=close * np.exp(outcome),
            predicted=close * np.exp(quantiles[:, MEDIAN]),
            last=close,
            persistence=outcomes.persistence,
            outcome=outcome,
            quantiles=quantiles,
            walk=outcomes.walk[scored, column],
            har_range=outcomes.har_range[scored, column],
            horizon=horizon,
        ),
    )
    return {"days": int(scored.sum()), **{metric.name: values.get(metric.name) for metric in BACKTEST}}
