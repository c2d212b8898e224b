"""What a fit of `range-blend` or `pooled-blend` learned: networks mixed with a ridge, and how returns reverse."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np

from pipeline.features.day_axis import IntArray
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.contract import Stored
from pipeline.models.lstm.ensemble import LearnedRange, Quantiles
from pipeline.models.ridge import RidgeRange
from pipeline.recipes.ranges import MixedRecipe, PooledRecipe

_PREFIX: Final = "ridge_"
MixedT = TypeVar("MixedT", bound=MixedRecipe)


@dataclass(frozen=True, eq=False)
class BlendedRange(LearnedRange[MixedT]):
    """The network's quantiles and the ridge's in fixed shares, calibrated together, then moved by the reversal.

    Attributes:
        ridge_: The ridge regression as fitted.
        recipe: Its shares.
    """

    ridge_: RidgeRange
    recipe: MixedT

    @classmethod
    def ridge(cls, recipe: MixedT, past: FeatureGrid) -> RidgeRange:
        """The ridge, from the series' own days."""
        return RidgeRange.learn(past, penalty=recipe.ridge_penalty, half_life_days=recipe.half_life_days)

    @classmethod
    def learned_beside(cls, recipe: MixedT, past: FeatureGrid) -> dict[str, Any]:
        """The ridge, and the recipe's shares."""
        return {"ridge_": cls.ridge(recipe, past), "recipe": recipe}

    @classmethod
    def stand_in(cls, recipe: MixedT, earlier: FeatureGrid) -> Quantiles:
        """Both regressions in their shares."""
        network, ridge = super().stand_in(recipe, earlier), cls.ridge(recipe, earlier)
        return lambda *days: mixed(network(*days), ridge.quantiles(*days), recipe)

    def uncalibrated(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Both in their shares: symmetric log returns, array of shape (n, 7, 23)."""
        return mixed(super().uncalibrated(grid, places), self.ridge_.quantiles(grid, places), self.recipe)

    def taken_back(self, grid: FeatureGrid) -> FloatArray:
        """The scaled return of each day of the axis that tomorrow's is expected to take back: the series' own."""
        return grid.features.scaled_return

    def moved(self, own: FloatArray, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """The first horizon's quantiles moved by a share of the return that is expected."""
        together = own.copy()
        expected = self.ridge_.return_ahead(grid, places, self.taken_back(grid))
        together[:, 0] += self.recipe.reversal_share * expected[:, None]
        return together

    def arrays(self) -> dict[str, FloatArray]:
        """The network's and the ridge's."""
        ridge = {f"{_PREFIX}{name.removesuffix('_')}": values for name, values in vars(self.ridge_).items()}
        return {**super().arrays(), **ridge}

    @classmethod
    def restored(cls, stored: Stored[MixedT]) -> dict[str, Any]:
        """The fields of this class, by name."""
        ridge = {
            f"{name.removeprefix(_PREFIX)}_": values
            for name, values in stored.arrays.items()
            if name.startswith(_PREFIX)
        }
        return {**super().restored(stored), "ridge_": RidgeRange(**ridge), "recipe": stored.recipe}


@dataclass(frozen=True, eq=False)
class PooledRange(BlendedRange[PooledRecipe]):
    """The same with a ridge that was learned from all series of a pool, and the market's return in the reversal.

    Attributes:
        market_: The pool's mean scaled return on each day of the axis up to the fit's as_of, array of shape (n_days,).
        others_: How many other series the pool had, array of shape (); without one it is the series' own fit.
    """

    market_: FloatArray
    others_: FloatArray

    @classmethod
    def ridge(cls, recipe: PooledRecipe, past: FeatureGrid) -> RidgeRange:
        """The ridge, from the days of all."""
        return super().ridge(recipe, past) if past.pool is None else _pooled_ridge(past.pool, recipe)

    @classmethod
    def learned_beside(cls, recipe: PooledRecipe, past: FeatureGrid) -> dict[str, Any]:
        """The ridge, and the market as it was seen."""
        others = 0 if past.pool is None else len(past.pool.members) - 1
        market = {"market_": _market(past), "others_": np.array(float(others))}
        return super().learned_beside(recipe, past) | market

    @property
    def reads_others(self) -> bool:
        """Whether there were any."""
        return bool(self.others_ > 0)

    def taken_back(self, grid: FeatureGrid) -> FloatArray:
        """The market's: as the fit saw it, after the fit as the grid does; NaN where that has no other series."""
        if not self.reads_others:
            return super().taken_back(grid)
        number = grid.days.number
        later = np.full(len(number), np.nan) if grid.pool is None else _market(grid)
        place = number - (self.fitted_on_ + 1 - len(self.market_))
        stored = (place >= 0) & (number <= self.fitted_on_)
        later[stored] = self.market_[place[stored]]
        return later

    def arrays(self) -> dict[str, FloatArray]:
        """With the market."""
        return {**super().arrays(), "market": self.market_, "others": self.others_}

    @classmethod
    def restored(cls, stored: Stored[PooledRecipe]) -> dict[str, Any]:
        """The fields of this class, by name."""
        market = {f"{name}_": stored.arrays[name] for name in ("market", "others")}
        return {**super().restored(stored), **market}


def mixed(network: FloatArray, ridge: FloatArray, recipe: MixedRecipe) -> FloatArray:
    """Means of quantiles by level, weighted by horizon, arrays of shape (n, 7, 23)."""
    shares = np.array(recipe.ridge_shares)[:, None]
    together: FloatArray = (1 - shares) * network + shares * ridge
    return together


def _market(grid: FeatureGrid) -> FloatArray:
    own = grid.features.scaled_return
    return own.copy() if grid.pool is None else grid.pool.scaled_return(grid.days.number)


# A pool that is cut at a day is one object (`Pool.until`): all its members share the fit.
@lru_cache(maxsize=16)
def _pooled_ridge(pool: Pool, recipe: PooledRecipe) -> RidgeRange:
    members = tuple(pool.members.values())
    return RidgeRange.learn_together(
        members,
        [pool.scaled_return(one.days.number) for one in members],
        penalty=recipe.ridge_penalty,
        half_life_days=recipe.half_life_days,
    )
