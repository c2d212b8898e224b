"""Ranges from a regression: a deviation forecast for each day times quantiles that do not change."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np

from pipeline.errors import TooLittleHistoryError
from pipeline.features.day_axis import DayAxis, IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.features.rolling import lagged
from pipeline.features.volatility import garman_klass_variance, log_range_ahead
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.models.contract import Learned, Watch
from pipeline.recipes.ranges import BaselineRecipe

EWMA_DAYS: Final = 250
EWMA_DECAY: Final = 0.94
FEWEST_ROWS: Final = 100
HAR_RANGE: Final = BaselineRecipe(
    name="har-range",
    title="Regression of tomorrow's log range on the last day's, week's and month's, by weekday.",
    source="Corsi 2009; Garman and Klass 1980",
    method="har-range",
)
EWMA_RANGE: Final = BaselineRecipe(
    name="ewma-range",
    title="Exponentially weighted daily variance of the range.",
    source="RiskMetrics 1996; Garman and Klass 1980",
    method="ewma-range",
)


@dataclass(frozen=True, eq=False)
class ScaledRange(Learned[BaselineRecipe]):
    """A regression of the log deviation, and the quantiles of what it leaves.

    Attributes:
        symmetric: Whether the quantiles are symmetric about the last close.
        coefficients_: Of the logarithm of the deviation on the regressors, array of shape (7, n_columns).
        shape_: Quantiles of outcome over deviation, array of shape (7, 23).
    """

    symmetric: ClassVar[bool] = False

    coefficients_: FloatArray
    shape_: FloatArray

    @staticmethod
    @abstractmethod
    def regressors(grid: FeatureGrid) -> tuple[FloatArray, FloatArray]:
        """Regressors of shape (n_days, n_columns), and the level that is taken off and added again, (n_days,)."""

    @classmethod
    def fit(cls, recipe: BaselineRecipe, past: FeatureGrid, *, seed: int, watch: Watch) -> Self:
        """`learn`: there is no chance in it, and nothing to watch."""
        return cls.learn(past)

    @classmethod
    def learn(cls, past: FeatureGrid) -> Self:
        """Least squares of the log deviation ahead on the regressors, then the quantiles of what it leaves.

        Raises:
            TooLittleHistoryError: Fewer than 100 days have all regressors and an outcome.
        """
        regressors, level = cls.regressors(past)
        targets = log_range_ahead(past.days, past.features.log_range)
        coefficients = np.zeros((len(HORIZONS), regressors.shape[1]))
        shape = np.zeros((len(HORIZONS), len(LEVELS)))
        for column, horizon in enumerate(HORIZONS):
            target, outcome = targets[:, column] - level, past.days.log_returns_ahead(horizon)
            known = np.isfinite(regressors).all(axis=1) & np.isfinite(target)
            scored = known & np.isfinite(outcome)
            if scored.sum() < FEWEST_ROWS:
                raise TooLittleHistoryError(what_is_lacking(past, int(scored.sum()), horizon))
            coefficients[column] = np.linalg.lstsq(regressors[known], target[known])[0]
            known = scored
            deviation = np.exp(linear(regressors[known], coefficients[column]) + level[known])
            scaled = outcome[known] / deviation
            shape[column] = np.quantile(
                np.concatenate([scaled, -scaled]) if cls.symmetric else scaled, LEVELS
            )
        return cls(coefficients, shape)

    def deviation(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Deviation of the h-day return, array of shape (n, 7)."""
        regressors, level = self.regressors(grid)
        rows = [linear(regressors[places], row) + level[places] for row in self.coefficients_]
        return np.exp(np.stack(rows, axis=1))

    def quantiles(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where a regressor is missing."""
        return self.deviation(grid, places)[:, :, None] * self.shape_


def what_is_lacking(past: FeatureGrid, rows: int, horizon: int) -> str:
    """Why a regression has too few rows: a price that stands still, or a history that is short or broken."""
    days = past.days
    still = int((days.observed & (days.high == days.low)).sum())
    need = (
        f"A regression needs {FEWEST_ROWS} days with a whole month before them and a close {horizon} days later, "
        f"got {rows}: "
    )
    if 2 * still > days.observed.sum():
        return f"{need}the price stood still on {still} of {days.observed.sum()} days. Choose a market that moves."
    return f"{need}the history is too short or broken by holes. Choose a later day."


class HarRange(ScaledRange):
    """Corsi's (2009) regression on the log range of the day, the week and the month, with the next day's weekday."""

    @staticmethod
    def regressors(grid: FeatureGrid) -> tuple[FloatArray, FloatArray]:
        """About a constant level."""
        return _har_regressors(grid, np.zeros(len(grid.days.number)))


class AnchoredHar(ScaledRange):
    """`HarRange` about the mean of the last 300 days instead of a constant level, symmetric about the last close.

    It needs less history and drifts less with the years: what `range-lstm` starts from.
    """

    symmetric = True

    @staticmethod
    def regressors(grid: FeatureGrid) -> tuple[FloatArray, FloatArray]:
        """About the moving level."""
        return _har_regressors(grid, grid.features.long_run)


class EwmaRange(ScaledRange):
    """A regression on the exponentially weighted deviation (RiskMetrics 1996)."""

    @staticmethod
    def regressors(grid: FeatureGrid) -> tuple[FloatArray, FloatArray]:
        """Without a level."""
        length = len(grid.days.number)
        return np.stack([np.ones(length), ewma_log_deviation(grid.days)], axis=1), np.zeros(length)


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


def _har_regressors(grid: FeatureGrid, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    averages = grid.features.averages[:, :3] - level[:, None]
    # Monday is left out: the constant is its level.
    weekdays = grid.features.next_weekday[:, None] == np.arange(1, 7)
    return np.concatenate([np.ones((len(level), 1)), averages, weekdays], axis=1), level
