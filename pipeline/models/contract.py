"""What a fitted model is: the one contract of the published network and of every baseline.

A new model is a subclass of `Learned` and its line in `pipeline/models/registry.py`. `fit` and `quantiles` are its
own; the rest has an answer here that suits a frozen dataclass of arrays. `tests/pipeline/models/test_contract.py`
holds every model of the registry against what is promised here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from pipeline.features.day_axis import IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.callbacks import EpochListener
from pipeline.recipes.base import Recipe

RecipeT = TypeVar("RecipeT", bound=Recipe)


@dataclass(frozen=True, eq=False)
class Watch:
    """How a fit is watched; it has the same bytes however it is.

    Attributes:
        time_limit_s: Seconds after which the fit fails; None for no limit.
        on_epoch: Told of each epoch, for progress and curves.
        later: A grid that goes on after the rows of the fit: the loss on its later days is told as `val_loss`.
    """

    time_limit_s: float | None = None
    on_epoch: EpochListener | None = None
    later: FeatureGrid | None = None


@dataclass(frozen=True, eq=False)
class Stored(Generic[RecipeT]):
    """What a bundle holds of a fit.

    Attributes:
        recipe: What was fitted.
        trained_as_of: The last day that the fit could see.
        random_walk_from: As `Learned.random_walk_from`.
        arrays: As `Learned.arrays`.
        folder: Where the files of `Learned.write_files` lie.
    """

    recipe: RecipeT
    trained_as_of: date
    random_walk_from: int | None
    arrays: Mapping[str, FloatArray]
    folder: Path


class Learned(ABC, Generic[RecipeT]):
    """What a fit learned: it turns days into quantiles of log returns.

    Attributes:
        seeded: Whether a fit with another seed is another fit.
    """

    seeded: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def fit(cls, recipe: RecipeT, past: FeatureGrid, *, seed: int, watch: Watch) -> Self:
        """Learn from all rows of `past`, whose newest is as_of; the same rows and seed give the same bits.

        Raises:
            TooLittleHistoryError: Long holes leave too few days.
            TrainingError: The fit diverged or ran past its limit.
        """

    @abstractmethod
    def quantiles(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Log returns of the seven horizons, each day's from the days up to it alone.

        Args:
            grid: The days.
            places: Where on the axis each forecast's as_of lies, array of shape (n,).

        Returns:
            Array of shape (n, 7, 23), never crossing; NaN where a day has too little before it.
        """

    @property
    def random_walk_from(self) -> int | None:
        """First horizon that is the random walk's, bit for bit; None if none is."""
        return None

    @property
    def reads_others(self) -> bool:
        """Whether a forecast of a day after the fit needs the other series of the grid's pool."""
        return False

    def days_read(self, age: int) -> int:
        """Days that a forecast `age` days after the fit depends on, where they are more than every forecast's 400."""
        return 0

    def arrays(self) -> dict[str, FloatArray]:
        """What was learned, by name: the fields whose names end in `_`, without it."""
        learned = [field.name for field in fields(cast("Any", self)) if field.name.endswith("_")]
        return {name.removesuffix("_"): getattr(self, name) for name in learned}

    def write_files(self, recipe: RecipeT, folder: Path) -> None:
        """Write what is no array into `folder`; nothing by default."""

    @classmethod
    def restore(cls, stored: Stored[RecipeT]) -> Self:
        """The fit that a bundle holds, bit for bit."""
        return cls(**{f"{name}_": values for name, values in stored.arrays.items()})
