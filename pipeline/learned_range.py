"""What a fit of `range-lstm` learned, and the quantiles it gives."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.baselines import random_walk_quantiles
from pipeline.day_axis import DayAxis, IntArray
from pipeline.features import Features
from pipeline.network_forward import moved_quantiles, network_moves
from pipeline.quantiles import HORIZONS, FloatArray
from pipeline.range_network import Weights, network_inputs, scaled_windows
from pipeline.scaled_range import ScaledRange

# The last year's returns say how far ahead nothing is known: their share grows with the horizon.
RANDOM_WALK_SHARE: Final = np.minimum(0.1 * np.array(HORIZONS), 0.3)


@dataclass(frozen=True, eq=False)
class LearnedRange:
    """A regression's ranges, the networks' moves of them, the calibration, and a share of the random walk.

    Attributes:
        base_: The regression as fitted.
        members_: Weights of each network, in Keras's order.
        centre_: Mean of each network input over the training rows, array of shape (n_inputs,).
        spread_: Deviation of each, same shape.
        stretch_: Factor on each horizon's quantiles from the held-back days, array of shape (7,).
        random_walk_from_: First horizon that is the random walk's; None if none is.
        lookback: Days that the networks see.
    """

    base_: ScaledRange
    members_: tuple[Weights, ...]
    centre_: FloatArray
    spread_: FloatArray
    stretch_: FloatArray
    random_walk_from_: int | None
    lookback: int

    def quantiles(self, days: DayAxis, features: Features, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where the window is not whole."""
        inputs = network_inputs(features)
        seen = scaled_windows(inputs, self.centre_, self.spread_, lookback=self.lookback)[places]
        moves = [network_moves(member, seen) for member in self.members_]
        shapes = [moved_quantiles(self.base_.shape_, move) for move in moves]
        mean = sum(shapes[1:], start=shapes[0]) / len(shapes)
        own = mean * (self.stretch_ * self.base_.deviation(days, features, places))[:, :, None]
        return with_random_walk(own, random_walk_quantiles(days, places), start=self.random_walk_from_)


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
