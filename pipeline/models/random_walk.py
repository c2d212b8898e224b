"""The random walk: the last close, with the ranges of the last year's returns."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.features.day_axis import DayAxis, IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.models.contract import Learned, Watch
from pipeline.recipes.ranges import BaselineRecipe

RANDOM_WALK_DAYS: Final = 365
RANDOM_WALK_FEWEST: Final = 300
RANDOM_WALK: Final = BaselineRecipe(
    name="random-walk",
    title="The last close; its ranges are those of the last 365 days' returns.",
    method="random-walk",
)


@dataclass(frozen=True, eq=False)
class RandomWalk(Learned[BaselineRecipe]):
    """Nothing is learned: the last year's returns are the forecast."""

    @classmethod
    def fit(cls, recipe: BaselineRecipe, past: FeatureGrid, *, seed: int, watch: Watch) -> Self:
        """Nothing is learned."""
        return cls()

    def quantiles(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where fewer than 300 returns are there."""
        return random_walk_quantiles(grid.days, places)

    @property
    def random_walk_from(self) -> int:
        """Every horizon is the random walk's."""
        return 1


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
        ended = np.full(RANDOM_WALK_DAYS - 1 + len(days.number), np.nan)
        ended[RANDOM_WALK_DAYS - 1 + horizon :] = days.log_returns_ahead(horizon)[:-horizon]
        ended[~np.isfinite(ended)] = np.nan
        # NaN is sorted to the end.
        windows = np.sort(sliding_window_view(ended, RANDOM_WALK_DAYS)[places], axis=1)
        known = np.count_nonzero(~np.isnan(windows), axis=1)
        for count in np.unique(known[known >= RANDOM_WALK_FEWEST]):
            rows = known == count
            quantiles[rows, column] = np.quantile(windows[rows, :count], LEVELS, axis=1).T
    return quantiles
