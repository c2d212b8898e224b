"""Ranges from a regression: a deviation forecast for each day times quantiles that do not change."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.errors import TooLittleHistoryError
from pipeline.features.daily import Features
from pipeline.features.day_axis import BoolArray, DayAxis, IntArray
from pipeline.features.rolling import lagged
from pipeline.features.volatility import garman_klass_variance, log_range_ahead
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray

EWMA_DAYS: Final = 250
EWMA_DECAY: Final = 0.94
FEWEST_ROWS: Final = 100


@dataclass(frozen=True, eq=False)
class ScaledRange:
    """A regression of the log deviation, and the quantiles of what it leaves.

    Attributes:
        method: `har-range`, `ewma-range` or `anchored-har`: which regressors.
        coefficients_: Of the logarithm of the deviation on the regressors, array of shape (7, n_columns).
        shape_: Quantiles of outcome over deviation, array of shape (7, 23).
    """

    method: str
    coefficients_: FloatArray
    shape_: FloatArray

    def deviation(self, days: DayAxis, features: Features, places: IntArray) -> FloatArray:
        """Deviation of the h-day return, array of shape (n, 7)."""
        regressors, level = _regressors(self.method, days, features)
        rows = [linear(regressors[places], row) + level[places] for row in self.coefficients_]
        return np.exp(np.stack(rows, axis=1))

    def quantiles(self, days: DayAxis, features: Features, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where a regressor is missing."""
        return self.deviation(days, features, places)[:, :, None] * self.shape_


def fit_scaled_range(method: str, days: DayAxis, features: Features, *, last: int) -> ScaledRange:
    """Least squares of the log deviation ahead on the regressors, then the quantiles of what it leaves.

    `har-range` is Corsi's (2009) regression on the log range of the day, the week and the month, with the next
    day's weekday. `ewma-range` regresses on the exponentially weighted deviation (RiskMetrics 1996).
    `anchored-har` is `har-range` about the mean of the last 300 days instead of a constant level, with
    quantiles symmetric about the last close: it needs less history and drifts less with the years.

    Args:
        method: One of the three.
        days: The candles.
        features: Theirs.
        last: Place of as_of; no outcome after it is read.

    Raises:
        TooLittleHistoryError: Fewer than 100 days have all regressors and an outcome.
    """
    regressors, level = _regressors(method, days, features)
    targets = log_range_ahead(days, features.log_range)
    coefficients = np.zeros((len(HORIZONS), regressors.shape[1]))
    shape = np.zeros((len(HORIZONS), len(LEVELS)))
    for column, horizon in enumerate(HORIZONS):
        target = targets[:, column] - level
        known = _training_rows(regressors, target, last=last - horizon)
        if known.sum() < FEWEST_ROWS:
            raise TooLittleHistoryError(
                f"{method} needs {FEWEST_ROWS} days with a whole month before them, got {known.sum()}: "
                "the history is too short or broken by holes of more than 12 days. Choose a later day."
            )
        coefficients[column] = np.linalg.lstsq(regressors[known], target[known])[0]
        outcome = days.log_returns_ahead(horizon)
        known &= np.isfinite(outcome)
        deviation = np.exp(linear(regressors[known], coefficients[column]) + level[known])
        scaled = outcome[known] / deviation
        if method == "anchored-har":
            scaled = np.concatenate([scaled, -scaled])
        shape[column] = np.quantile(scaled, LEVELS)
    return ScaledRange(method, coefficients, shape)


def linear(regressors: FloatArray, coefficients: FloatArray) -> FloatArray:
    """`regressors @ coefficients`, added column by column: a row's bits do not depend on the other rows."""
    total = np.zeros(len(regressors))
    for column, coefficient in enumerate(coefficients):
        total += regressors[:, column] * coefficient
    return total


def ewma_log_deviation(days: DayAxis) -> FloatArray:
    """½·ln of the weighted mean of the last 250 daily variances, weights 0.94^k (RiskMetrics 1996).

    Returns:
        Array of shape (n_days,), NaN in the first 249 days.
    """
    variance = garman_klass_variance(days)
    known = np.isfinite(variance).astype(float)
    amounts = np.where(known > 0, variance, 0.0)
    total, weight = np.zeros(len(variance)), np.zeros(len(variance))
    for lag in range(EWMA_DAYS):
        total += EWMA_DECAY**lag * lagged(amounts, lag)
        weight += EWMA_DECAY**lag * lagged(known, lag)
    reached = np.isfinite(total) & (total > 0)
    return np.where(reached, 0.5 * np.log(np.where(reached, total / weight, 1.0)), np.nan)


def _regressors(method: str, days: DayAxis, features: Features) -> tuple[FloatArray, FloatArray]:
    """Regressors of shape (n_days, n_columns), and the level that is taken off and added again, (n_days,)."""
    constant = np.ones((len(days.number), 1))
    no_level = np.zeros(len(days.number))
    if method == "ewma-range":
        return np.concatenate([constant, ewma_log_deviation(days)[:, None]], axis=1), no_level
    level = features.long_run if method == "anchored-har" else no_level
    averages = features.averages[:, :3] - level[:, None]
    # Monday is left out: the constant is its level.
    weekdays = features.next_weekday[:, None] == np.arange(1, 7)
    return np.concatenate([constant, averages, weekdays], axis=1), level


def _training_rows(regressors: FloatArray, target: FloatArray, *, last: int) -> BoolArray:
    known: BoolArray = np.isfinite(regressors).all(axis=1) & np.isfinite(target)
    known[max(last + 1, 0) :] = False
    return known
