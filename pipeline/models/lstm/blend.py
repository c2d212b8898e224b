"""What a fit of `range-blend` learned: a network's ranges mixed with a ridge's, and how returns reverse."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from pipeline.features.day_axis import IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.contract import Stored
from pipeline.models.lstm.ensemble import LearnedRange, Quantiles
from pipeline.models.ridge import RidgeRange
from pipeline.recipes.ranges import BlendRecipe

_PREFIX: Final = "ridge_"


@dataclass(frozen=True, eq=False)
class BlendedRange(LearnedRange[BlendRecipe]):
    """The network's quantiles and the ridge's in fixed shares, calibrated together, then moved by the reversal.

    Attributes:
        ridge_: The ridge regression as fitted.
        recipe: Its shares.
    """

    ridge_: RidgeRange
    recipe: BlendRecipe

    @classmethod
    def learned_beside(cls, recipe: BlendRecipe, past: FeatureGrid) -> dict[str, Any]:
        """The ridge, and the recipe's shares."""
        return {"ridge_": _ridge(recipe, past), "recipe": recipe}

    @classmethod
    def stand_in(cls, recipe: BlendRecipe, earlier: FeatureGrid) -> Quantiles:
        """Both regressions in their shares."""
        network, ridge = super().stand_in(recipe, earlier), _ridge(recipe, earlier)
        return lambda *days: mixed(network(*days), ridge.quantiles(*days), recipe)

    def uncalibrated(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Both in their shares: symmetric log returns, array of shape (n, 7, 23)."""
        return mixed(super().uncalibrated(grid, places), self.ridge_.quantiles(grid, places), self.recipe)

    def moved(self, own: FloatArray, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """The first horizon's quantiles moved by a share of the return that is expected."""
        together = own.copy()
        together[:, 0] += self.recipe.reversal_share * self.ridge_.return_ahead(grid, places)[:, None]
        return together

    def arrays(self) -> dict[str, FloatArray]:
        """The network's and the ridge's."""
        ridge = {f"{_PREFIX}{name.removesuffix('_')}": values for name, values in vars(self.ridge_).items()}
        return {**super().arrays(), **ridge}

    @classmethod
    def restore(cls, stored: Stored[BlendRecipe]) -> Self:
        """From arrays and networks."""
        ridge = {
            f"{name.removeprefix(_PREFIX)}_": values
            for name, values in stored.arrays.items()
            if name.startswith(_PREFIX)
        }
        return cls(**cls.restored(stored), ridge_=RidgeRange(**ridge), recipe=stored.recipe)


def mixed(network: FloatArray, ridge: FloatArray, recipe: BlendRecipe) -> FloatArray:
    """Means of quantiles by level, weighted by horizon, arrays of shape (n, 7, 23)."""
    shares = np.array(recipe.ridge_shares)[:, None]
    together: FloatArray = (1 - shares) * network + shares * ridge
    return together


def _ridge(recipe: BlendRecipe, past: FeatureGrid) -> RidgeRange:
    return RidgeRange.learn(past, penalty=recipe.ridge_penalty, half_life_days=recipe.half_life_days)
