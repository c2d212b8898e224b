"""What a model may know at the end of a day: each feature is a causal function of the last 132 days.

Every value at day t is computed from days t − 131 … t with the same additions in the same order, so that it
has the same bits whatever lies before or after them: the leak check, the ledger and the served model rely
on it. Sums run over lags, not over strided windows, for that reason.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.day_axis import DayAxis, IntArray
from pipeline.quantiles import HORIZONS, FloatArray

TYPICAL_DAYS: Final = 66
# A range beyond twenty times its season's typical one is a wick of the file, not of the market.
_RANGE_BOUND: Final = 3.0
_RETURN_BOUND: Final = 10.0
_FEWEST_TYPICAL: Final = 22
MEMORY_DAYS: Final = 2 * TYPICAL_DAYS


@dataclass(frozen=True, eq=False)
class Features:
    """Features of every day of an axis, NaN where there is too little before it.

    Attributes:
        log_range: Logarithm of the Garman–Klass deviation of the day, tamed; array of shape (n_days,).
        averages: Means of `log_range` over the last 1, 5, 22 and 66 days, array of shape (n_days, 4).
        log_return: Return of the day in units of the month's typical deviation, array of shape (n_days,).
        volume: Logarithm of the volume less its mean over 66 days, array of shape (n_days,).
        next_weekday: 0 for Monday to 6 for Sunday of the day after, array of shape (n_days,).
    """

    log_range: FloatArray
    averages: FloatArray
    log_return: FloatArray
    volume: FloatArray
    next_weekday: FloatArray

    def at(self, places: IntArray) -> "Features":
        """The features of those days only."""
        return Features(**{name: values[places] for name, values in vars(self).items()})


def build_features(days: DayAxis) -> Features:
    """All features of all days.

    Args:
        days: The candles; at least one day.

    Returns:
        Features whose row t reads the rows up to t only.
    """
    log_range = tamed_log_range(days)
    averages = np.stack([rolling_mean(log_range, length) for length in (1, 5, 22, 66)], axis=1)
    return Features(
        log_range=log_range,
        averages=averages,
        log_return=_scaled_return(days, averages[:, 2]),
        volume=_detrended_log_volume(days),
        next_weekday=((days.weekday + 1) % 7).astype(float),
    )


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
    with np.errstate(divide="ignore"):
        raw = 0.5 * np.log(garman_klass_variance(days))
    typical = rolling_median(raw, TYPICAL_DAYS, fewest=_FEWEST_TYPICAL)
    tamed = np.clip(np.where(np.isnan(raw), typical, raw), typical - _RANGE_BOUND, typical + _RANGE_BOUND)
    return np.where(np.isnan(days.close), np.nan, tamed)


def log_range_ahead(days: DayAxis, log_range: FloatArray) -> FloatArray:
    """½·ln of the summed variance of the days t + 1 … t + h, for training only.

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


def rolling_mean(values: FloatArray, length: int) -> FloatArray:
    """Mean of the last `length` values, NaN where one is missing; the bits depend on those values only."""
    total = np.full(len(values), np.nan)
    if len(values) >= length:
        total[length - 1 :] = 0.0
        for lag in range(length):
            total[length - 1 :] += values[length - 1 - lag : len(values) - lag]
    return total / length


def rolling_median(values: FloatArray, length: int, *, fewest: int) -> FloatArray:
    """Median of those of the last `length` values that are numbers, NaN where fewer than `fewest` are."""
    padded = np.concatenate([np.full(length - 1, np.nan), values])
    # NaN sorts last.
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, length), axis=1)
    count = np.isfinite(windows).sum(axis=1)
    rows = np.arange(len(values))
    middle = (
        windows[rows, np.maximum(count - 1, 0) // 2] + windows[rows, np.minimum(count // 2, length - 1)]
    ) / 2
    return np.where(count >= fewest, middle, np.nan)


def _scaled_return(days: DayAxis, log_scale: FloatArray) -> FloatArray:
    """ln(C[t] / C[t − 1]) over the typical deviation of the last 22 days, within ±10; 0 on a filled day."""
    change = np.full(len(days.close), np.nan)
    change[1:] = days.log_close[1:] - days.log_close[:-1]
    change = np.where(days.observed, change, 0.0)
    return np.clip(change / np.exp(log_scale), -_RETURN_BOUND, _RETURN_BOUND)


def _detrended_log_volume(days: DayAxis) -> FloatArray:
    """Ln V less its median over 66 days, within ±3; 0 where the volume is zero or not told."""
    with np.errstate(divide="ignore", invalid="ignore"):
        volume = np.log(np.where(days.observed & (days.volume > 0), days.volume, np.nan))
    typical = rolling_median(volume, TYPICAL_DAYS, fewest=_FEWEST_TYPICAL)
    return np.clip(np.nan_to_num(volume - typical, nan=0.0), -_RANGE_BOUND, _RANGE_BOUND)
