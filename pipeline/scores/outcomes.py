"""A forecast against what happened: what one score row says."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.columns import CLOSE, DATE, FILLED
from pipeline.forecasts.columns import ABSOLUTE_ERROR, PIT, WIS, hit
from pipeline.forecasts.quantiles import COVERAGES, MEDIAN, FloatArray, interval
from pipeline.scores.formulas import probability_integral_transform, weighted_interval_score

if TYPE_CHECKING:
    from pandas import DataFrame


def complete_closes(candles: "DataFrame", *, now: datetime) -> dict[date, float]:
    """Close of every daily candle that was complete by `now`.

    A filled day of a grid, and a close that is no positive number, is no truth and is left out.

    Args:
        candles: Candle table or daily grid.
        now: The instant that the run believes in, with its time zone.
    """
    kept = candles if FILLED not in candles else candles[~candles[FILLED].astype(bool)]
    last = (now.astimezone(UTC) - timedelta(days=1)).date()
    pairs = zip(kept[DATE].dt.date, kept[CLOSE].tolist(), strict=True)
    return {day: close for day, close in pairs if day <= last and math.isfinite(close) and close > 0}


def outcomes(quantiles: FloatArray, *, last_close: FloatArray, actual: FloatArray) -> dict[str, NDArray[Any]]:
    """Scores of forecasts of the same or of different targets.

    WIS is that of the log returns log(price / last_close); the absolute error is |actual − median| in quote
    currency; a hit includes both ends of its range; the PIT is the level at which the outcome fell.

    Args:
        quantiles: Closes, array of shape (n, 23).
        last_close: Closes at as_of, array of shape (n,).
        actual: Closes of the target days, array of shape (n,).

    Returns:
        Column → array of shape (n,): `wis`, `absolute_error`, `pit`, `hit_50` … `hit_95`.
    """
    returns = np.log(quantiles / last_close[:, None])
    happened = np.log(actual / last_close)
    scores: dict[str, NDArray[Any]] = {
        WIS: weighted_interval_score(happened, returns),
        ABSOLUTE_ERROR: np.abs(actual - quantiles[:, MEDIAN]),
        PIT: probability_integral_transform(happened, returns),
    }
    for coverage in COVERAGES:
        lower, upper = interval(quantiles, coverage)
        scores[hit(coverage)] = (actual >= lower) & (actual <= upper)
    return scores
