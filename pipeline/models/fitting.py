"""Fit a recipe on the days up to as_of, and issue a forecast from it."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Protocol

import numpy as np

from pipeline.candles.columns import DATE
from pipeline.errors import DateError, TooLittleHistoryError
from pipeline.features.day_axis import IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.callbacks import EpochListener
from pipeline.models.contract import Learned, Watch
from pipeline.models.random_walk import RANDOM_WALK
from pipeline.models.registry import learned_type
from pipeline.recipes.base import Recipe
from pipeline.series import Series

MINIMUM_DAYS: Final = 400


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted recipe.

    Attributes:
        recipe: What was fitted.
        trained_as_of: The last day that the fit could see.
        seed: Seed of the fit.
        learned_: The numbers.
    """

    recipe: Recipe
    trained_as_of: date
    seed: int
    learned_: Learned[Any]

    @property
    def model_id(self) -> str:
        """As `coincast-range_lstm`."""
        return self.recipe.model_id

    @property
    def is_random_walk(self) -> bool:
        """Whether nothing was learned: it is what every other model is compared with."""
        return self.model_id == RANDOM_WALK.model_id

    @property
    def random_walk_from(self) -> int | None:
        """First horizon that is the random walk's; 1 for the random walk itself, None if none is."""
        return self.learned_.random_walk_from

    def days_read(self, as_of: date) -> int:
        """Calendar days up to `as_of` that its forecast may depend on: 400, more for an older fit of a network."""
        return max(MINIMUM_DAYS, self.learned_.days_read(max((as_of - self.trained_as_of).days, 0)))

    def log_return_quantiles(self, grid: FeatureGrid, rows: IntArray) -> FloatArray:
        """Quantiles of `log(C[t + h] / C[t])` for the grid's rows t; each row reads the rows up to it only.

        Args:
            grid: The days.
            rows: Positions in its table, array of shape (n,).

        Returns:
            Array of shape (n, 7, 23), never crossing; NaN for a row with too little history before it.
        """
        return self.learned_.quantiles(grid, grid.days.place[np.asarray(rows)])


class Fitter(Protocol):
    """Whoever makes a fit as `fit` does: the same arguments, and the same bytes."""

    def __call__(
        self,
        recipe: Recipe,
        grid: FeatureGrid,
        *,
        as_of: date,
        seed: int,
        time_limit_s: float | None = None,
        on_epoch: EpochListener | None = None,
        watched: FeatureGrid | None = None,
    ) -> Model:
        """The recipe fitted on the rows at or before `as_of`."""


def fit(
    recipe: Recipe,
    grid: FeatureGrid,
    *,
    as_of: date,
    seed: int,
    time_limit_s: float | None = None,
    on_epoch: EpochListener | None = None,
    watched: FeatureGrid | None = None,
) -> Model:
    """Fit `recipe` on the rows at or before `as_of`; later rows are not read.

    Args:
        recipe: Of kind `range` or `baseline`.
        grid: The days.
        as_of: The last day that the fit may see.
        seed: The same seed on the same rows gives the same bytes.
        time_limit_s: Seconds after which the fit fails; None for no limit.
        on_epoch: Told of each epoch, for progress and curves.
        watched: A grid that goes on after `as_of`: the loss on its later days is told as `val_loss`. The fit
            has the same bytes with and without it.

    Raises:
        TooLittleHistoryError: Fewer than 400 days lie at or before `as_of`.
        TrainingError: The fit diverged or ran past its limit.
        InputError: The recipe forecasts no distribution.
    """
    learned = learned_type(recipe)
    past = grid.until(as_of)
    _require_history(recipe, int(past.days.observed.sum()), as_of)
    watch = Watch(time_limit_s=time_limit_s, on_epoch=on_epoch, later=watched)
    return Model(recipe, as_of, seed, learned.fit(recipe, past, seed=seed, watch=watch))


def _last_hole(grid: FeatureGrid) -> str:
    """The newest hole that is too long to fill, and what can be done about it."""
    outside = np.flatnonzero(np.isnan(grid.days.close))
    if not len(outside):
        return ". Choose a later day."
    last = grid.days.number[outside[-1]].astype("datetime64[D]")
    return (
        f", and the last such hole ends with {last}. "
        "Choose a day before it or later, or have it filled (`fill_holes_from`)."
    )


def issue(model: Model, grid: FeatureGrid, *, series: Series, as_of: date) -> Forecast:
    """The forecast made after the close of `as_of`, from the rows at or before it.

    Raises:
        DateError: The grid has no candle of that day.
        TooLittleHistoryError: The days before it are too few or broken by a long hole.
    """
    past = grid.until(as_of)
    newest = past.table.iloc[-1]
    if newest[DATE].date() != as_of or newest["filled"]:
        raise DateError(f"{series} has no candle of {as_of}; the nearest before it is {newest[DATE].date()}.")
    returns = model.log_return_quantiles(past, np.array([len(past.table) - 1]))[0]
    if past.pool is None and model.learned_.reads_others and as_of > model.trained_as_of:
        raise TooLittleHistoryError(
            f"This fit of {model.recipe.name} learned from other series too, and forecasts days after"
            f" {model.trained_as_of} from their candles; it has only {series}'s. Ask for {model.trained_as_of}, or"
            f" use a fit of {as_of}."
        )
    if not np.isfinite(returns).all():
        raise TooLittleHistoryError(
            f"{series} has too few days without a long hole before {as_of} for {model.recipe.name}; "
            f"it needs about {MINIMUM_DAYS}{_last_hole(past)}"
        )
    close = float(newest["close"])
    return Forecast(
        series=series,
        as_of=as_of,
        model_id=model.model_id,
        last_close=close,
        quantiles=close * np.exp(returns),
        random_walk_from=model.random_walk_from,
    )


def _require_history(recipe: Recipe, observed: int, as_of: date) -> None:
    if observed < MINIMUM_DAYS:
        raise TooLittleHistoryError(
            f"{recipe.name} needs {MINIMUM_DAYS} daily candles at or before {as_of}, got {observed}; "
            "choose a later day or a longer file."
        )
