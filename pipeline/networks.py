"""Keras networks from a point recipe's layers."""

from typing import TYPE_CHECKING, Any, Final

from pipeline.recipes.point import Dense, Dropout, Layer, PointRecipe, Recurrent

if TYPE_CHECKING:
    import keras

# Up to here writing the time loop out costs a second of tracing and saves a tenth of every epoch.
UNROLLED_STEPS: Final = 16


def build_network(recipe: PointRecipe) -> "keras.Model":
    """The recipe's network with fresh weights and its optimizer; seed before calling.

    The mean squared error is minimised and the mean absolute percentage error watched, both of the scaled
    target. A recurrent layer hands on its sequence where another follows; a window reaches a dense layer
    as one row of values.

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
        stack.append(_layer(layer, sequences=onward, unroll=recipe.window <= UNROLLED_STEPS))
    network = keras.Sequential(stack, name=recipe.name.replace("-", "_"))
    network.compile(optimizer=_optimizer(recipe), loss="mean_squared_error", metrics=["mape"])
    return network


def _layer(layer: Layer, *, sequences: bool, unroll: bool) -> "keras.layers.Layer":
    from keras import layers

    if isinstance(layer, Dropout):
        return layers.Dropout(layer.rate)
    if isinstance(layer, Dense):
        return layers.Dense(layer.units, activation=layer.activation)
    cell = {"gru": layers.GRU, "simple-rnn": layers.SimpleRNN}.get(layer.kind, layers.LSTM)
    recurrent = cell(layer.units, return_sequences=sequences, unroll=unroll)
    return layers.Bidirectional(recurrent) if layer.kind == "bidirectional-lstm" else recurrent


def _optimizer(recipe: PointRecipe) -> "keras.optimizers.Optimizer":
    import keras

    fitting = recipe.fitting
    config = {
        "learning_rate": fitting.learning_rate,
        "global_clipnorm": fitting.clip_norm,
        "clipvalue": fitting.clip_value,
    }
    return keras.optimizers.get({"class_name": fitting.optimizer, "config": config})
