"""Keras networks from a point recipe's layers."""

from random import Random
from typing import TYPE_CHECKING, Any, Final

from pipeline.recipes.point import Dense, Dropout, Layer, PointRecipe, Recurrent

if TYPE_CHECKING:
    import keras

# Up to here writing the time loop out costs a second of tracing and saves a tenth of every epoch.
UNROLLED_STEPS: Final = 16


def build_network(recipe: PointRecipe, chance: Random) -> "keras.Model":
    """The recipe's network with fresh weights and its optimizer.

    The mean squared error is minimised and the mean absolute percentage error watched (`mape`, targets of
    exactly 0 left out), both of the scaled target. A recurrent layer hands on its sequence where another
    follows; a window reaches a dense layer as one row of values.

    Args:
        recipe: Layers, columns, window and fitting.
        chance: What initial weights and dropout follow from. Keras would draw from the process' generator,
            and so do other threads.

    Returns:
        A compiled model from (n, window, n_columns) to (n, 1).
    """
    import keras

    stack: list[Any] = [keras.Input((recipe.window, len(recipe.columns)), name="window")]
    in_sequence = True
    for index, layer in enumerate(recipe.layers):
        onward = any(isinstance(later, Recurrent) for later in recipe.layers[index + 1 :])
        if isinstance(layer, Dense) and in_sequence:
            stack.append(keras.layers.Flatten())
        if isinstance(layer, Dense) or (isinstance(layer, Recurrent) and not onward):
            in_sequence = False
        stack.append(_layer(layer, sequences=onward, unroll=recipe.window <= UNROLLED_STEPS, chance=chance))
    network = keras.Sequential(stack, name=recipe.name.replace("-", "_"))
    network.compile(optimizer=_optimizer(recipe), loss="mean_squared_error", metrics=[_mape()])
    return network


def _mape() -> "keras.metrics.Metric":
    """100 × mean of |(y − ŷ) / y| over targets other than 0, by which Keras's own would divide as by 1e-7."""
    import keras

    class _Mape(keras.metrics.Mean):  # type: ignore[misc]
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            # A target is one number, a prediction a row of one.
            y_true = keras.ops.reshape(y_true, keras.ops.shape(y_pred))
            counted = keras.ops.not_equal(y_true, 0)
            divisor = keras.ops.where(counted, y_true, 1)
            super().update_state(100 * keras.ops.abs((y_true - y_pred) / divisor), sample_weight=counted)

    return _Mape(name="mape")


def _layer(layer: Layer, *, sequences: bool, unroll: bool, chance: Random) -> "keras.layers.Layer":
    from keras import initializers, layers

    if isinstance(layer, Dropout):
        return layers.Dropout(layer.rate, seed=_seed(chance))
    if isinstance(layer, Dense):
        kernel = initializers.GlorotUniform(seed=_seed(chance))
        return layers.Dense(layer.units, activation=layer.activation, kernel_initializer=kernel)
    forwards = _recurrent(layer, sequences=sequences, unroll=unroll, chance=chance)
    if layer.kind != "bidirectional-lstm":
        return forwards
    # Left alone, Keras would copy the forward layer's seeds, and both directions would start alike.
    backwards = _recurrent(layer, sequences=sequences, unroll=unroll, chance=chance, backwards=True)
    return layers.Bidirectional(forwards, backward_layer=backwards)


def _recurrent(
    layer: Recurrent, *, sequences: bool, unroll: bool, chance: Random, backwards: bool = False
) -> "keras.layers.Layer":
    from keras import initializers, layers

    cell = {"gru": layers.GRU, "simple-rnn": layers.SimpleRNN}.get(layer.kind, layers.LSTM)
    return cell(
        layer.units,
        kernel_initializer=initializers.GlorotUniform(seed=_seed(chance)),
        recurrent_initializer=initializers.Orthogonal(seed=_seed(chance)),
        seed=_seed(chance),
        return_sequences=sequences,
        go_backwards=backwards,
        unroll=unroll,
    )


def _seed(chance: Random) -> int:
    return chance.randint(1, 10**9)


def _optimizer(recipe: PointRecipe) -> "keras.optimizers.Optimizer":
    import keras

    fitting = recipe.fitting
    config = {
        "learning_rate": fitting.learning_rate,
        "global_clipnorm": fitting.clip_norm,
        "clipvalue": fitting.clip_value,
    }
    return keras.optimizers.get({"class_name": fitting.optimizer, "config": config})
