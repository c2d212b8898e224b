"""The day's range as a measure of volatility: Garman and Klass's variance, tamed against wicks and outages."""

from typing import Final

import numpy as np

from pipeline.features.day_axis import DayAxis
from pipeline.features.rolling import rolling_median
from pipeline.forecasts.quantiles import HORIZONS, FloatArray

SEASON_DAYS: Final = 66
FEWEST_IN_SEASON: Final = 22
# A range beyond twenty times its season's typical one is a wick of the file, not of the market.
RANGE_BOUND: Final = 3.0


def garman_klass_variance(days: DayAxis) -> FloatArray:
    """Daily variance of the log price: ½·ln(H/L)² − (2·ln 2 − 1)·ln(C/O)² (Garman and Klass 1980).

    Opens and closes outside the range are moved to its edge, so that the variance is never negative.

    Returns:
        Array of shape (n_days,); NaN where the day was flat or not observed.
    """
    valid = days.observed & (days.low > 0) & (days.high > days.low)
    low, high = np.where(valid, days.low, 1.0), np.where(valid, days.high, 1.0)
    start, end = np.clip(days.open, low, high), np.clip(days.close, low, high)
    variance = 0.5 * np.log(high / low) ** 2 - (2 * np.log(2) - 1) * np.log(end / start) ** 2
    return np.where(valid, variance, np.nan)


def tamed_log_range(days: DayAxis) -> FloatArray:
    """½·ln of the Garman–Klass variance, within a factor of 20 of the median of the last 66 days.

    A flat or missing day takes that median: an outage says nothing about the market's range.

    Returns:
        Array of shape (n_days,), NaN where fewer than 22 of the last 66 days have a range.
    """
    raw = 0.5 * np.log(garman_klass_variance(days))
    typical = rolling_median(raw, SEASON_DAYS, fewest=FEWEST_IN_SEASON)
    tamed = np.clip(np.where(np.isnan(raw), typical, raw), typical - RANGE_BOUND, typical + RANGE_BOUND)
    return np.where(np.isnan(days.close), np.nan, tamed)


def log_range_ahead(days: DayAxis, log_range: FloatArray) -> FloatArray:
    """½·ln of the summed variance of the days t + 1 … t + h: what a deviation forecast is fitted to.

    Returns:
        Array of shape (n_days, 7), column h − 1; NaN where one of the days is not observed.
    """
    variance = np.where(days.observed, np.exp(2 * log_range), np.nan)
    ahead = np.full((len(variance), len(HORIZONS)), np.nan)
    total = np.zeros(len(variance))
    for column, horizon in enumerate(HORIZONS):
        total[:-horizon] += variance[horizon:]
        total[-horizon:] = np.nan
        ahead[:, column] = 0.5 * np.log(total)
    return ahead
