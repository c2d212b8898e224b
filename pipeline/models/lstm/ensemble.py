"""What a fit of a network recipe learned, and the quantiles it gives."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np

from pipeline.features.daily import FEATURE_DAYS
from pipeline.features.day_axis import IntArray, day_number
from pipeline.features.feature_grid import FeatureGrid
from pipeline.features.rolling import lagged
from pipeline.forecasts.quantiles import HORIZONS, FloatArray
from pipeline.models.calibration import in_units, recalibrated
from pipeline.models.contract import Learned, Stored, Watch
from pipeline.models.lstm.files import read_layers, read_networks, write_networks
from pipeline.models.lstm.inference import moved_quantiles, network_moves
from pipeline.models.lstm.network import Weights, network_inputs, scaled_windows
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.models.regression import AnchoredHar
from pipeline.recipes.ranges import NetworkRecipe

# The last year's returns say how far ahead nothing is known: their share grows with the horizon.
RANDOM_WALK_SHARE: Final = np.minimum(0.1 * np.array(HORIZONS), 0.3)
NetworkT = TypeVar("NetworkT", bound=NetworkRecipe)
Quantiles = Callable[[FeatureGrid, IntArray], FloatArray]


@dataclass(frozen=True, eq=False)
class LearnedRange(Learned[NetworkT]):
    """A regression's ranges, the networks' moves of them, recent outcomes, and a share of the random walk.

    Attributes:
        base_: The regression as fitted.
        layers_: The networks' layers in Keras's JSON.
        members_: Weights of each network, in Keras's order.
        centre_: Mean of each network input over the training rows, array of shape (n_inputs,).
        spread_: Deviation of each, same shape.
        fitted_on_: The fit's as_of, in days since 1970-01-01.
        recent_: The outcomes known at the fit in units of what was forecast for them, by the day they were
            forecast on, up to the fit's as_of; array of shape (n_recent, 7), NaN where there is none.
        random_walk_from_: First horizon that is the random walk's; None if none is.
        lookback: Days that the networks see.
    """

    seeded: ClassVar[bool] = True

    base_: AnchoredHar
    layers_: str
    members_: tuple[Weights, ...]
    centre_: FloatArray
    spread_: FloatArray
    fitted_on_: int
    recent_: FloatArray
    random_walk_from_: int | None
    lookback: int

    @classmethod
    def fit(cls, recipe: NetworkT, past: FeatureGrid, *, seed: int, watch: Watch) -> Self:
        """The regression, the networks on what it leaves, the calibration, and what is learned beside them."""
        # The fit makes this class, and what is served needs no fit.
        from pipeline.models.lstm.fitting import fit_learned_range

        return fit_learned_range(cls, recipe, past, seed=seed, watch=watch)

    @classmethod
    def learned_beside(cls, recipe: NetworkT, past: FeatureGrid) -> dict[str, Any]:
        """What this class learns beside the network, by name: here nothing."""
        return {}

    @classmethod
    def stand_in(cls, recipe: NetworkT, earlier: FeatureGrid) -> Quantiles:
        """What forecasts in the model's place on days before the fit, fitted in milliseconds."""
        return AnchoredHar.learn(earlier).quantiles

    def quantiles(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where the window is not whole."""
        own = self.uncalibrated(grid, places)
        recent = self._recent(grid, last=int(places.max(initial=-1)))
        windows = np.lib.stride_tricks.sliding_window_view(recent, self.window, axis=1)
        own = recalibrated(own, windows[:, places].transpose(1, 0, 2))
        own = self.moved(own, grid, places)
        return with_random_walk(own, random_walk_quantiles(grid.days, places), start=self.random_walk_from_)

    def uncalibrated(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """The regression's ranges after the networks' moves: symmetric log returns, array of shape (n, 7, 23)."""
        inputs = network_inputs(grid.features)
        seen = scaled_windows(inputs, self.centre_, self.spread_, lookback=self.lookback)[places]
        moves = [network_moves(member, seen) for member in self.members_]
        shapes = [moved_quantiles(self.base_.shape_, move) for move in moves]
        mean = sum(shapes[1:], start=shapes[0]) / len(shapes)
        return mean * self.base_.deviation(grid, places)[:, :, None]

    def moved(self, own: FloatArray, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Calibrated log returns, array of shape (n, 7, 23), about what is expected of the return: here nothing."""
        return own

    @property
    def random_walk_from(self) -> int | None:
        """The calibration's."""
        return self.random_walk_from_

    def days_read(self, age: int) -> int:
        """Each calibrating day since the fit needs a year of its own."""
        return FEATURE_DAYS + self.lookback + max(HORIZONS) + min(age, self.window)

    @property
    def window(self) -> int:
        """Days whose outcomes calibrate a forecast."""
        return len(self.recent_)

    def arrays(self) -> dict[str, FloatArray]:
        """The regression's, and what scales and calibrates."""
        own = {"centre": self.centre_, "spread": self.spread_, "recent": self.recent_}
        return {**self.base_.arrays(), **own}

    def write_files(self, recipe: NetworkT, folder: Path) -> None:
        """The networks, in Keras's formats."""
        write_networks(recipe, self.layers_, self.members_, folder)

    @classmethod
    def restore(cls, stored: Stored[NetworkT]) -> Self:
        """From arrays and networks."""
        return cls(**cls.restored(stored))

    @classmethod
    def restored(cls, stored: Stored[NetworkT]) -> dict[str, Any]:
        """The fields of this class, by name."""
        arrays, recipe = stored.arrays, stored.recipe
        return {
            "base_": AnchoredHar(arrays["coefficients"], arrays["shape"]),
            "layers_": read_layers(stored.folder),
            "members_": read_networks(recipe, stored.folder),
            "centre_": arrays["centre"],
            "spread_": arrays["spread"],
            "fitted_on_": day_number(stored.trained_as_of),
            "recent_": arrays["recent"],
            "random_walk_from_": stored.random_walk_from,
            "lookback": recipe.lookback,
        }

    def _recent(self, grid: FeatureGrid, *, last: int) -> FloatArray:
        """What calibrates: array of shape (7, window + n_days).

        Columns p to p + window − 1 of horizon h are the outcomes of the `window` days that end at place
        p − h, the newest that are complete at p. Those complete at the fit are the stored ones.
        """
        days = grid.days
        fitted = self.fitted_on_ - int(days.number[0])
        known = np.full((self.window + len(days.number), len(HORIZONS)), np.nan)
        # Row `window + p` is place p: stored outcomes may lie before the axis.
        stored = np.arange(fitted + 1, fitted + 1 + self.window)
        inside = (stored >= 0) & (stored < len(known))
        known[stored[inside]] = self.recent_[inside]
        later = np.arange(max(fitted + 1 - max(HORIZONS), 0), last)
        if last > fitted and len(later):
            scaled = in_units(days.outcomes[later], self.uncalibrated(grid, later))
            for column, horizon in enumerate(HORIZONS):
                open_then = later + horizon > fitted
                known[self.window + later[open_then], column] = scaled[open_then, column]
        shifted = [lagged(known[:, column], horizon - 1) for column, horizon in enumerate(HORIZONS)]
        return np.stack(shifted)


def with_random_walk(own: FloatArray, walk: FloatArray, *, start: int | None) -> FloatArray:
    """Average with the random walk's quantiles, and nothing but them from horizon `start`.

    Args:
        own: Log returns, array of shape (n, 7, 23).
        walk: The random walk's, same shape.
        start: From 1 to 7, or None.

    Returns:
        Array of shape (n, 7, 23), in rising order.
    """
    share = RANDOM_WALK_SHARE[:, None]
    mixed = (1 - share) * own + share * walk
    if start is not None:
        mixed[:, start - 1 :] = walk[:, start - 1 :]
    return np.maximum.accumulate(mixed, axis=-1)
