"""What the ridge regression knows of a day: the range over many spans, returns, trend, volume and weekday.

Like the features that they are made of (`daily`), the values at day t are functions of the 365 days up to t, with the
same bits wherever these lie.
"""

import math
from typing import Final

import numpy as np

from pipeline.features.daily import Features
from pipeline.features.day_axis import DayAxis
from pipeline.features.rolling import lagged, rolling_mean
from pipeline.forecasts.quantiles import FloatArray

N_RIDGE_INPUTS: Final = 22
N_REVERSAL_INPUTS: Final = 3
_WEEK: Final = 5
_QUARTER: Final = 66
_BOUND: Final = 10.0


def ridge_inputs(days: DayAxis, features: Features) -> FloatArray:
    """Regressors of the log deviation, array of shape (n_days, 22), NaN where a day has too little before it.

    The columns: means of the log range over 1, 2, 5, 10, 22 and 66 days less that of 300; the scaled return, and it
    where it is a loss; size of the 5- and 22-day return in units of its typical deviation; volume of the day and the
    week; where in the day's range the close lies; fall from the quarter's highest close; weekday habit; the next
    day's weekday as seven indicators.
    """
    log_range, month = features.log_range, features.averages[:, 2]
    day, week, _, quarter = features.averages.T
    spans = [day, rolling_mean(log_range, 2), week, rolling_mean(log_range, 10), month, quarter]
    columns = [
        *(span - features.long_run for span in spans),
        features.scaled_return,
        np.minimum(features.scaled_return, 0.0),
        np.minimum(np.abs(_change(days, _WEEK)) / (np.sqrt(_WEEK) * np.exp(month)), _BOUND),
        features.trend,
        features.volume,
        rolling_mean(features.volume, _WEEK),
        _closing_place(days),
        _drawdown(days, month),
        features.weekday_habit,
    ]
    weekdays = features.next_weekday[:, None] == np.arange(7)
    return np.concatenate([np.stack(columns, axis=1), weekdays], axis=1)


def reversal_inputs(scaled_return: FloatArray) -> FloatArray:
    """Regressors of the coming return, array of shape (n_days, 3): scaled return, its week's mean, its losses."""
    scaled = np.clip(scaled_return, -4.0, 4.0)
    return np.stack([scaled, rolling_mean(scaled, _WEEK), np.minimum(scaled, 0.0)], axis=1)


def _change(days: DayAxis, length: int) -> FloatArray:
    return days.log_close - lagged(days.log_close, length)


def _closing_place(days: DayAxis) -> FloatArray:
    """0.5 for a close at the day's high to −0.5 at its low, on a log scale; 0 on a flat or filled day."""
    ranged = (days.high > days.low) & (days.low > 0)
    low, high = np.where(ranged, days.low, 1.0), np.where(ranged, days.high, math.e)
    place = np.clip(np.log(np.where(ranged, days.close, 1.0) / low) / np.log(high / low), 0.0, 1.0)
    return np.where(ranged, place - 0.5, 0.0)


def _drawdown(days: DayAxis, month: FloatArray) -> FloatArray:
    """ln(C[t] / highest close of 66 days) in units of a quarter's typical deviation, 0 to −10."""
    highest = days.log_close
    for lag in range(1, _QUARTER):
        highest = np.fmax(highest, lagged(days.log_close, lag))
    fall = (days.log_close - highest) / (np.sqrt(_QUARTER) * np.exp(month))
    bounded: FloatArray = np.clip(fall, -_BOUND, 0.0)
    return bounded
