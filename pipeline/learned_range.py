"""What a fit of `range-lstm` learned, and the quantiles it gives."""

from dataclasses import dataclass

import numpy as np

from pipeline.baselines import ScaledRange, random_walk_quantiles
from pipeline.day_axis import DayAxis, IntArray
from pipeline.features import Features
from pipeline.network_forward import network_quantiles
from pipeline.quantiles import FloatArray
from pipeline.range_network import network_inputs, windows


@dataclass(frozen=True, eq=False)
class LearnedRange:
    """HAR's deviation, the networks' quantiles in its unit, and the calibration.

    Attributes:
        base_: HAR as fitted.
        members_: Weights of each network, in Keras's order.
        centre_: Mean of each network input over the training rows, array of shape (n_inputs,).
        spread_: Deviation of each, same shape.
        stretch_: Factor on each horizon's quantiles, array of shape (7,).
        random_walk_from_: First horizon that is the random walk's; None if none is.
        lookback: Days that the networks see.
    """

    base_: ScaledRange
    members_: tuple[tuple[FloatArray, ...], ...]
    centre_: FloatArray
    spread_: FloatArray
    stretch_: FloatArray
    random_walk_from_: int | None
    lookback: int

    def quantiles(self, days: DayAxis, features: Features, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where the window is not whole."""
        seen = windows(network_inputs(features), self.lookback)[places]
        scaled = (seen - self.centre_) / self.spread_
        shapes = [network_quantiles(member, scaled) for member in self.members_]
        mean = sum(shapes[1:], start=shapes[0]) / len(shapes)
        deviation = np.exp(self.base_.log_deviation(days, features, places))
        quantiles = mean * (self.stretch_ * deviation)[:, :, None]
        if self.random_walk_from_ is not None:
            start = self.random_walk_from_ - 1
            quantiles[:, start:] = random_walk_quantiles(days, places)[:, start:]
        return quantiles
