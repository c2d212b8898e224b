"""The ranges that need no network: the random walk, HAR on the range, and an exponential average."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.day_axis import BoolArray, DayAxis, IntArray
from pipeline.features import Features, garman_klass_variance, log_range_ahead
from pipeline.quantiles import HORIZONS, LEVELS, FloatArray

RANDOM_WALK_DAYS: Final = 365
RANDOM_WALK_FEWEST: Final = 300
EWMA_DAYS: Final = 250
EWMA_DECAY: Final = 0.94


@dataclass(frozen=True, eq=False)
class RandomWalk:
    """Nothing is learned: the last year's returns are the forecast."""

    def quantiles(self, days: DayAxis, features: Features, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where fewer than 300 returns are there."""
        return random_walk_quantiles(days, places)


@dataclass(frozen=True, eq=False)
class ScaledRange:
    """A deviation forecast for each day times quantiles that do not change.

    Attributes:
        method: `har-range` or `ewma-range`: which regressors.
        coefficients_: Of the logarithm of the deviation on the regressors, array of shape (7, n_columns).
        shape_: Quantiles of outcome over deviation, array of shape (7, 23).
    """

    method: str
    coefficients_: FloatArray
    shape_: FloatArray

    def log_deviation(self, days: DayAxis, features: Features, places: IntArray) -> FloatArray:
        """Logarithm of the deviation of the h-day return, array of shape (n, 7)."""
        regressors = range_regressors(self.method, days, features)[places]
        return np.stack([linear(regressors, row) for row in self.coefficients_], axis=1)

    def quantiles(self, days: DayAxis, features: Features, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where a regressor is missing."""
        return np.exp(self.log_deviation(days, features, places))[:, :, None] * self.shape_


def random_walk_quantiles(days: DayAxis, places: IntArray) -> FloatArray:
    """Empirical quantiles (linear) of the h-day log returns that ended in the last 365 calendar days.

    Args:
        days: The candles.
        places: Where on the axis each forecast's as_of lies, array of shape (n,).

    Returns:
        Log returns, array of shape (n, 7, 23); NaN where fewer than 300 returns are there.
    """
    quantiles = np.full((len(places), len(HORIZONS), len(LEVELS)), np.nan)
    for column, horizon in enumerate(HORIZONS):
        ended = np.full(len(days.number), np.nan)
        ended[horizon:] = days.log_returns_ahead(horizon)[:-horizon]
        for row, place in enumerate(places):
            window = ended[max(place + 1 - RANDOM_WALK_DAYS, 0) : place + 1]
            window = window[np.isfinite(window)]
            if len(window) >= RANDOM_WALK_FEWEST:
                quantiles[row, column] = np.quantile(window, LEVELS)
    return quantiles


def range_regressors(method: str, days: DayAxis, features: Features) -> FloatArray:
    """What the log deviation ahead is regressed on.

    `har-range`: a constant, the log range of the day and its mean over week and month (Corsi 2009), and the
    next day's weekday, Monday left out: shape (n_days, 10). `ewma-range`: a constant and the logarithm of
    the exponentially weighted deviation: shape (n_days, 2).
    """
    constant = np.ones((len(days.number), 1))
    if method == "ewma-range":
        return np.concatenate([constant, ewma_log_deviation(days)[:, None]], axis=1)
    weekdays = features.next_weekday[:, None] == np.arange(1, 7)
    return np.concatenate([constant, features.averages[:, :3], weekdays], axis=1)


def ewma_log_deviation(days: DayAxis) -> FloatArray:
    """½·ln of the weighted mean of the last 250 daily variances, weights 0.94^k (RiskMetrics 1996).

    Returns:
        Array of shape (n_days,), NaN where one of the days has no candle.
    """
    variance = np.nan_to_num(garman_klass_variance(days), nan=0.0)
    known = np.isfinite(garman_klass_variance(days)).astype(float)
    total, weight = np.full((2, len(variance)), np.nan)
    if len(variance) >= EWMA_DAYS:
        last = slice(EWMA_DAYS - 1, None)
        total[last] = weight[last] = 0.0
        for lag in range(EWMA_DAYS):
            moved = slice(EWMA_DAYS - 1 - lag, len(variance) - lag)
            total[last] += EWMA_DECAY**lag * variance[moved]
            weight[last] += EWMA_DECAY**lag * known[moved]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 0.5 * np.log(total / weight), np.nan)


def fit_scaled_range(method: str, days: DayAxis, features: Features, *, last: int) -> ScaledRange:
    """Least squares of the log deviation ahead on the regressors, then the quantiles of what it leaves.

    Args:
        method: `har-range` or `ewma-range`.
        days: The candles.
        features: Theirs.
        last: Place of as_of; no outcome after it is read.
    """
    regressors = range_regressors(method, days, features)
    targets = log_range_ahead(days, features.log_range)
    coefficients = np.zeros((len(HORIZONS), regressors.shape[1]))
    shape = np.zeros((len(HORIZONS), len(LEVELS)))
    for column, horizon in enumerate(HORIZONS):
        known = training_rows(regressors, targets[:, column], last=last - horizon)
        coefficients[column] = np.linalg.lstsq(regressors[known], targets[known, column])[0]
        outcome = days.log_returns_ahead(horizon)
        known &= np.isfinite(outcome)
        scaled = outcome[known] / np.exp(linear(regressors[known], coefficients[column]))
        shape[column] = np.quantile(scaled, LEVELS)
    return ScaledRange(method, coefficients, shape)


def training_rows(regressors: FloatArray, target: FloatArray, *, last: int) -> BoolArray:
    """Which days have regressors and an outcome and lie at or before place `last`."""
    known: BoolArray = np.isfinite(regressors).all(axis=1) & np.isfinite(target)
    known[max(last + 1, 0) :] = False
    return known


def linear(regressors: FloatArray, coefficients: FloatArray) -> FloatArray:
    """`regressors @ coefficients`, added column by column: a row's bits do not depend on the other rows."""
    total = np.zeros(len(regressors))
    for column, coefficient in enumerate(coefficients):
        total += regressors[:, column] * coefficient
    return total
