"""A ridge regression of the range on many regressors, and of tomorrow's return on the last ones.

Hoerl and Kennard (1970): with a penalty, regressors that say nearly the same share what they know, and those that say
nothing cost little. Beside a network it errs elsewhere; their mean is better than either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.errors import TooLittleHistoryError
from pipeline.features.day_axis import IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.features.ridge_inputs import reversal_inputs, ridge_inputs
from pipeline.features.volatility import log_range_ahead
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.models.regression import FEWEST_ROWS, linear, what_is_lacking

_INPUT_BOUND: Final = 4.0
_SMALLEST_SPREAD: Final = 1e-9
# A return beyond its deviation says no more than its sign: the few wild days would otherwise be all that is learned.
_RETURN_BOUND: Final = 1.0


@dataclass(frozen=True, eq=False)
class RidgeRange:
    """The regression as fitted; its quantiles are symmetric about the last close.

    Attributes:
        centre_: Mean of each regressor over the training rows, array of shape (22,).
        spread_: Deviation of each, same shape.
        coefficients_: Of the logarithm of the deviation over its level, a constant first; array of shape (7, 23).
        shape_: Quantiles of outcome over deviation, array of shape (7, 23).
        reversal_: Of tomorrow's return in deviations on the last returns, array of shape (3,).
    """

    centre_: FloatArray
    spread_: FloatArray
    coefficients_: FloatArray
    shape_: FloatArray
    reversal_: FloatArray

    @classmethod
    def learn(cls, past: FeatureGrid, *, penalty: float, half_life_days: float) -> "RidgeRange":
        """`learn_together` of one series, whose own return is taken back."""
        grids, returns = [past], [past.features.scaled_return]
        return cls.learn_together(grids, returns, penalty=penalty, half_life_days=half_life_days)

    @classmethod
    def learn_together(
        cls,
        grids: Sequence[FeatureGrid],
        returns: Sequence[FloatArray],
        *,
        penalty: float,
        half_life_days: float,
    ) -> "RidgeRange":
        """Fit on all days of all grids, whose weight halves with age.

        Args:
            grids: The days of each series; the newest of all has the age 0.
            returns: Of each day of each grid's axis, the scaled return that tomorrow's is expected to take back.
            penalty: Of the squared coefficients.
            half_life_days: Age at which a day counts half.

        Raises:
            TooLittleHistoryError: Fewer than 100 days have all regressors and an outcome.
        """
        past = grids[0]
        inputs = np.concatenate([ridge_inputs(one.days, one.features) for one in grids])
        whole = np.isfinite(inputs).all(axis=1)
        if whole.sum() < FEWEST_ROWS:
            raise TooLittleHistoryError(what_is_lacking(past, int(whole.sum()), HORIZONS[0]))
        centre, spread = inputs[whole].mean(axis=0), np.maximum(inputs[whole].std(axis=0), _SMALLEST_SPREAD)
        scaled = _scaled(inputs, centre, spread)
        day = np.concatenate([one.days.number for one in grids])
        weights = 0.5 ** ((day.max() - day) / half_life_days)
        level = np.concatenate([one.features.long_run for one in grids])[:, None]
        targets = np.concatenate([log_range_ahead(one.days, one.features.log_range) for one in grids]) - level
        coefficients = np.stack([_ridge(scaled, target, weights, penalty) for target in targets.T])
        deviation = np.exp(_affine(scaled, coefficients) + level)
        units = np.concatenate([one.days.outcomes for one in grids]) / deviation
        for horizon, known in zip(HORIZONS, np.isfinite(units).sum(axis=0), strict=True):
            if known < FEWEST_ROWS:
                raise TooLittleHistoryError(what_is_lacking(past, int(known), horizon))
        shape = np.stack([_symmetric_quantiles(column) for column in units.T])
        reversal = _through_zero(
            np.concatenate([reversal_inputs(one) for one in returns]),
            np.clip(units[:, 0], -_RETURN_BOUND, _RETURN_BOUND),
            penalty,
        )
        return cls(centre, spread, coefficients, shape, reversal)

    def deviation(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Deviation of the h-day return, array of shape (n, 7)."""
        scaled = _scaled(ridge_inputs(grid.days, grid.features)[places], self.centre_, self.spread_)
        return np.exp(_affine(scaled, self.coefficients_) + grid.features.long_run[places, None])

    def quantiles(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Symmetric log returns, array of shape (n, 7, 23), NaN where a regressor is missing."""
        return self.deviation(grid, places)[:, :, None] * self.shape_

    def return_ahead(
        self, grid: FeatureGrid, places: IntArray, scaled_return: FloatArray | None = None
    ) -> FloatArray:
        """Log return that is expected of the next day, array of shape (n,).

        Args:
            grid: The days.
            places: Where on the axis.
            scaled_return: Those of the axis that are taken back; None for the series' own.
        """
        taken_back = grid.features.scaled_return if scaled_return is None else scaled_return
        expected = linear(reversal_inputs(taken_back)[places], self.reversal_)
        return expected * self.deviation(grid, places)[:, 0]


def _scaled(inputs: FloatArray, centre: FloatArray, spread: FloatArray) -> FloatArray:
    return np.clip((inputs - centre) / spread, -_INPUT_BOUND, _INPUT_BOUND)


def _affine(scaled: FloatArray, coefficients: FloatArray) -> FloatArray:
    return np.stack([linear(scaled, row[1:]) + row[0] for row in coefficients], axis=1)


def _ridge(scaled: FloatArray, target: FloatArray, weights: FloatArray, penalty: float) -> FloatArray:
    """Weighted least squares with a free constant and penalised slopes, array of shape (1 + n_inputs,)."""
    known = np.isfinite(scaled).all(axis=1) & np.isfinite(target)
    rows, outcome, weight = scaled[known], target[known], weights[known]
    centre, mean = np.average(rows, axis=0, weights=weight), np.average(outcome, weights=weight)
    root = np.sqrt(weight)
    slopes = _through_zero((rows - centre) * root[:, None], (outcome - mean) * root, penalty)
    return np.concatenate([[mean - centre @ slopes], slopes])


def _through_zero(inputs: FloatArray, target: FloatArray, penalty: float) -> FloatArray:
    """Ridge regression without a constant, of the rows that are whole."""
    known = np.isfinite(inputs).all(axis=1) & np.isfinite(target)
    rows = inputs[known]
    products = rows.T @ rows + penalty * np.eye(rows.shape[1])
    return np.asarray(np.linalg.solve(products, rows.T @ target[known]), dtype=float)


def _symmetric_quantiles(units: FloatArray) -> FloatArray:
    known = units[np.isfinite(units)]
    return np.asarray(np.quantile(np.concatenate([known, -known]), LEVELS), dtype=float)
