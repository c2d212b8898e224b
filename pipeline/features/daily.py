"""What a model may know at the end of a day: each feature is a causal function of the last 365 days.

The value at day t is computed from the days up to t, in the same order of additions wherever they lie (see
`rolling`): the leak check, the ledger and the served model rely on it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.features.day_axis import DayAxis
from pipeline.features.rolling import lagged, lagged_sum, rolling_mean, rolling_median
from pipeline.features.volatility import FEWEST_IN_SEASON, RANGE_BOUND, SEASON_DAYS, tamed_log_range
from pipeline.forecasts.quantiles import FloatArray

# No feature of a day depends on rows before these.
FEATURE_DAYS: Final = 365
LONG_RUN_DAYS: Final = 300
WEEKDAY_WEEKS: Final = 26
_FEWEST_WEEKS: Final = 8
_RETURN_BOUND: Final = 10.0


@dataclass(frozen=True, eq=False)
class Features:
    """Features of every day of an axis, NaN where there is too little before it.

    Attributes:
        log_range: Logarithm of the Garman–Klass deviation of the day, tamed; array of shape (n_days,).
        averages: Means of `log_range` over the last 1, 5, 22 and 66 days, array of shape (n_days, 4).
        long_run: Mean of `log_range` over the last 300 days, array of shape (n_days,).
        scaled_return: Return of the day in units of the month's typical deviation, array of shape (n_days,).
        trend: Size of the 22-day return in units of its typical deviation, array of shape (n_days,).
        volume: Logarithm of the volume less its median over 66 days, array of shape (n_days,).
        weekday_habit: How the next day's weekday differed from its week in the last 26 weeks, (n_days,).
        closing_share: Logarithm of close-to-close against range deviation over 300 days, (n_days,).
        next_weekday: 0 for Monday to 6 for Sunday of the day after, array of shape (n_days,).
    """

    log_range: FloatArray
    averages: FloatArray
    long_run: FloatArray
    scaled_return: FloatArray
    trend: FloatArray
    volume: FloatArray
    weekday_habit: FloatArray
    closing_share: FloatArray
    next_weekday: FloatArray

    def first(self, length: int) -> "Features":
        """The features of the first `length` days."""
        return Features(**{name: values[:length] for name, values in vars(self).items()})


def build_features(days: DayAxis) -> Features:
    """All features of all days.

    Args:
        days: The candles; at least one day.

    Returns:
        Features whose row t reads the rows up to t only.
    """
    log_range = tamed_log_range(days)
    week, month = rolling_mean(log_range, 5), rolling_mean(log_range, 22)
    quarter = rolling_mean(log_range, SEASON_DAYS, fewest=FEWEST_IN_SEASON)
    return Features(
        log_range=log_range,
        averages=np.stack([log_range, week, month, quarter], axis=1),
        long_run=rolling_mean(log_range, LONG_RUN_DAYS, fewest=FEWEST_IN_SEASON),
        scaled_return=_scaled_return(days, month),
        trend=_trend(days, month),
        volume=_detrended_log_volume(days),
        weekday_habit=_weekday_habit(log_range),
        closing_share=_closing_share(days, log_range),
        next_weekday=((days.weekday + 1) % 7).astype(float),
    )


def _daily_return(days: DayAxis) -> FloatArray:
    """ln(C[t] / C[t − 1]); NaN on a day without a candle."""
    return np.where(days.observed, days.log_close - lagged(days.log_close, 1), np.nan)


def _scaled_return(days: DayAxis, month: FloatArray) -> FloatArray:
    """ln(C[t] / C[t − 1]) over the typical deviation of the last 22 days, within ±10; 0 on a filled day."""
    change = np.where(np.isnan(days.close), np.nan, np.nan_to_num(_daily_return(days), nan=0.0))
    return np.clip(change / np.exp(month), -_RETURN_BOUND, _RETURN_BOUND)


def _trend(days: DayAxis, month: FloatArray) -> FloatArray:
    """|ln(C[t] / C[t − 22])| over √22 times the typical deviation, at most 10: a market on the move is wilder."""
    change = np.abs(days.log_close - lagged(days.log_close, 22))
    trend: FloatArray = np.clip(change / (np.sqrt(22) * np.exp(month)), 0.0, _RETURN_BOUND)
    return trend


def _detrended_log_volume(days: DayAxis) -> FloatArray:
    """Ln V less its median over 66 days, within ±3; 0 where the volume is zero or not told."""
    told = days.observed & (days.volume > 0)
    volume = np.where(told, np.log(np.where(told, days.volume, 1.0)), np.nan)
    typical = rolling_median(volume, SEASON_DAYS, fewest=FEWEST_IN_SEASON)
    return np.clip(np.nan_to_num(volume - typical, nan=0.0), -RANGE_BOUND, RANGE_BOUND)


def _weekday_habit(log_range: FloatArray) -> FloatArray:
    """Mean over the last 26 weeks of (log range − its mean over the 7 days up to it) on the next day's weekday.

    A week that is missing counts as 0; fewer than 8 give 0. Weekends grew quieter over the years: an
    average that moves follows, where indicators fitted over all years lag.
    """
    against_week = log_range - rolling_mean(log_range, 7)
    total, count = lagged_sum(against_week, range(6, 6 + 7 * WEEKDAY_WEEKS, 7))
    return np.where(count >= _FEWEST_WEEKS, total / WEEKDAY_WEEKS, 0.0)


def _closing_share(days: DayAxis, log_range: FloatArray) -> FloatArray:
    """Ln of mean |return| over mean range deviation of the last 300 days: how far closes use the range."""
    moved = rolling_mean(np.abs(_daily_return(days)), LONG_RUN_DAYS, fewest=FEWEST_IN_SEASON)
    ranged = rolling_mean(np.exp(log_range), LONG_RUN_DAYS, fewest=FEWEST_IN_SEASON)
    share: FloatArray = np.log(np.maximum(moved, 1e-12)) - np.log(ranged)
    return share
