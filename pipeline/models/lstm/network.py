"""The stacked LSTM that corrects a regression's ranges: its inputs and its layers in Keras.

The network does not forecast prices. For each horizon it moves two things of the regression's quantiles: their
width, and how much of it lies in the tails. With zero weights it is the regression itself, and with little
history it stays near it.
"""

from functools import cache
from random import Random
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.features.daily import Features
from pipeline.forecasts.quantiles import HORIZONS, FloatArray
from pipeline.models.lstm.inference import STATE_VOICE

if TYPE_CHECKING:
    import keras

N_INPUTS: Final = 16
N_MOVES: Final = 2 * len(HORIZONS)
# What lies beyond says no more than "far out": no wick may drive the network where it has never been.
INPUT_BOUND: Final = 4.0

Weights = tuple[FloatArray, ...]


def network_inputs(features: Features) -> FloatArray:
    """What the network sees of each day, array of shape (n_days, 16), in units that every market shares.

    The columns: scaled return, log range of day, week and quarter less the month's, detrended volume, the
    month's level, weekday habit, trend, closing share, and the next day's weekday as seven indicators.
    """
    day, week, month, quarter = features.averages.T
    columns = [
        features.scaled_return,
        day - month,
        week - month,
        quarter - month,
        features.volume,
        month,
        features.weekday_habit,
        features.trend,
        features.closing_share,
    ]
    weekdays = features.next_weekday[:, None] == np.arange(7)
    return np.concatenate([np.stack(columns, axis=1), weekdays], axis=1)


def scaled_windows(
    inputs: FloatArray, centre: FloatArray, spread: FloatArray, *, lookback: int
) -> FloatArray:
    """The last `lookback` scaled rows at each day, a view of shape (n_days, lookback, n_inputs).

    Scaled is (input − centre) / spread within ±4. The first `lookback` − 1 days see NaN before the beginning.
    """
    scaled = np.clip((inputs - centre) / spread, -INPUT_BOUND, INPUT_BOUND)
    padded = np.concatenate([np.full((lookback - 1, inputs.shape[1]), np.nan), scaled])
    return np.lib.stride_tricks.sliding_window_view(padded, lookback, axis=0).transpose(0, 2, 1)


def build_network(lookback: int, units: tuple[int, ...], chance: Random) -> "keras.Model":
    """One member: stacked LSTMs, then a dense layer over their last state and the last day's inputs.

    Args:
        lookback: Days in a window.
        units: Of each LSTM layer.
        chance: What the initial weights follow from. Keras would draw from the process' generator, and so do
            other threads, such as those of a Dask worker.

    Returns:
        A model from windows of shape (n, lookback, 16) to moves of shape (n, 14): for each horizon the
        logarithm of the width, then the tails' share before its limit.
    """
    from keras import Input, Model, initializers, layers

    def seed() -> int:
        return chance.randint(1, 10**9)

    window = Input((lookback, N_INPUTS), name="window")
    state = window
    for depth, width in enumerate(units):
        deeper = depth + 1 < len(units)
        state = layers.LSTM(
            width,
            kernel_initializer=initializers.GlorotUniform(seed=seed()),
            recurrent_initializer=initializers.Orthogonal(seed=seed()),
            seed=seed(),
            return_sequences=deeper,
            name=f"lstm_{depth + 1}",
        )(state)
    today = layers.Flatten(name="today")(layers.Cropping1D((lookback - 1, 0), name="last_day")(window))
    known = layers.Concatenate(name="known")([layers.Rescaling(STATE_VOICE, name="state")(state), today])
    moves = layers.Dense(N_MOVES, kernel_initializer="zeros", name="moves")(known)
    return Model(window, moves, name="range_network")


@cache
def network_layers(lookback: int, units: tuple[int, ...]) -> str:
    """The layers of `build_network` in Keras's JSON, without weights."""
    network = build_network(lookback, units, Random(0))  # noqa: S311 - only its shape is kept
    return str(network.to_json(indent=1, sort_keys=True))
