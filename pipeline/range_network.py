"""The stacked LSTM that corrects HAR's ranges: its inputs, its layers in Keras, and how it is fitted.

The network does not forecast prices. It yields, for each horizon, a shift and a stretch of the quantiles
that HAR's deviation gives, and learns the shape of those quantiles; with zero weights it is HAR itself.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.features import Features
from pipeline.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.recipes.ranges import RangeRecipe
from pipeline.training import DivergenceGuard, EpochListener, EpochReport, TimeLimit, deterministic

if TYPE_CHECKING:
    import keras

N_INPUTS: Final = 13
# Of quantile steps, in units of HAR's deviation: keeps the quantiles apart and the logarithm finite.
_SMALLEST_STEP: Final = 1e-4


def network_inputs(features: Features) -> FloatArray:
    """What the network sees of each day, array of shape (n_days, 13), in units that every market shares.

    The columns: scaled return, log range less its month's mean, week, quarter less the month, detrended
    volume, the month's level, and the next day's weekday as seven indicators.
    """
    day, week, month, quarter = features.averages.T
    columns = [features.log_return, day - month, week - month, quarter - month, features.volume, month]
    weekdays = features.next_weekday[:, None] == np.arange(7)
    return np.concatenate([np.stack(columns, axis=1), weekdays], axis=1)


def windows(inputs: FloatArray, lookback: int) -> FloatArray:
    """The last `lookback` rows at each day, a view of shape (n_days, lookback, n_inputs).

    The first `lookback` − 1 days see NaN before the beginning.
    """
    padded = np.concatenate([np.full((lookback - 1, inputs.shape[1]), np.nan), inputs])
    return np.lib.stride_tricks.sliding_window_view(padded, lookback, axis=0).transpose(0, 2, 1)


def build_network(recipe: RangeRecipe, shape: FloatArray) -> "keras.Model":
    """The layers: stacked LSTMs, a shift and a stretch per horizon, quantiles as ordered steps.

    Args:
        recipe: Sizes.
        shape: Quantiles to start from, in units of HAR's deviation, array of shape (7, 23).

    Returns:
        A model from windows of shape (n, lookback, 13) to quantiles of shape (n, 7, 23) in the same unit.
    """
    import keras

    window = keras.Input((recipe.lookback, N_INPUTS))
    state = window
    for depth, units in enumerate(recipe.units):
        state = keras.layers.LSTM(units, return_sequences=depth + 1 < len(recipe.units))(state)
    moves = keras.layers.Dense(2 * len(HORIZONS), kernel_initializer="zeros")(state)
    return keras.Model(window, _quantile_layer(shape)(moves))


def fit_member(
    recipe: RangeRecipe,
    data: tuple[FloatArray, FloatArray],
    shape: FloatArray,
    *,
    seed: int,
    time_limit_s: float | None,
    on_epoch: EpochListener | None,
) -> list[FloatArray]:
    """Weights of one network, in Keras's order.

    Args:
        recipe: Sizes and the fit.
        data: Windows of shape (n, lookback, 13), and outcomes in units of HAR's deviation of shape (n, 7),
            NaN where there is none.
        shape: Quantiles to start from, array of shape (7, 23).
        seed: Of the weights and the order of rows.
        time_limit_s: Seconds after which the fit is ended.
        on_epoch: Told of each epoch.

    Raises:
        TrainingError: The fit diverged or ran past its limit.
    """
    import keras

    deterministic(seed)
    network = build_network(recipe, shape)
    steps = recipe.epochs * -(-len(data[0]) // recipe.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    network.compile(optimizer=keras.optimizers.Adam(rate, clipnorm=1.0), loss=_masked_pinball)
    callbacks = [DivergenceGuard()]
    callbacks += [TimeLimit(time_limit_s)] if time_limit_s else []
    callbacks += [EpochReport(on_epoch)] if on_epoch else []
    network.fit(
        data[0].astype("float32"),
        data[1].astype("float32"),
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        callbacks=callbacks,
        verbose=0,
    )
    return [np.asarray(weight, dtype=float) for weight in network.get_weights()]


def _masked_pinball(actual: Any, quantiles: Any) -> Any:
    from keras import ops

    known = ops.logical_not(ops.isnan(actual))
    error = ops.where(known, actual, 0.0)[..., None] - quantiles
    levels = np.array(LEVELS, dtype="float32")
    loss = ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)
    return ops.sum(ops.where(known, loss, 0.0)) / ops.maximum(ops.sum(ops.cast(known, loss.dtype)), 1.0)


def _quantile_layer(shape: FloatArray) -> "keras.Layer":
    import keras
    from keras import ops

    class OrderedQuantiles(keras.Layer):  # type: ignore[misc]
        """`exp(stretch) × shape + shift`, the shape's steps kept positive by an exponential."""

        def build(self, _: object) -> None:
            steps = np.log(np.maximum(np.diff(shape, axis=1), _SMALLEST_STEP))
            self.lowest = self.add_weight(
                shape=(7, 1), name="lowest", initializer=keras.initializers.Constant(shape[:, :1])
            )
            self.steps = self.add_weight(
                shape=(7, len(LEVELS) - 1), name="steps", initializer=keras.initializers.Constant(steps)
            )

        def call(self, moves: Any) -> Any:
            rising = ops.concatenate([self.lowest, ops.exp(self.steps)], axis=1)
            learned = ops.cumsum(rising, axis=1)
            shift, stretch = ops.split(moves[..., None], 2, axis=1)
            return ops.exp(stretch) * learned + shift

    return OrderedQuantiles()
