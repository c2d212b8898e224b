"""How the members learn: pinball loss, Adam, a whole epoch in one compiled call."""

import math
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.models.callbacks import DivergenceGuard, EpochReport, TimeLimit, deterministic
from pipeline.models.contract import Watch
from pipeline.models.lstm.inference import TAILNESS, moved_quantiles, network_moves
from pipeline.models.lstm.network import N_INPUTS, Weights, build_network
from pipeline.recipes.ranges import NetworkRecipe
from pipeline.scores.formulas import pinball_loss

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, eq=False)
class NetworkRows:
    """What the network learns from, or is watched on.

    Attributes:
        windows: Scaled inputs, array of shape (n, lookback, n_inputs).
        outcomes: Log returns over the regression's deviation, array of shape (n, 7); 0 where there is none.
        weights: Of each outcome in the loss, array of shape (n, 7); 0 where there is none.
    """

    windows: FloatArray
    outcomes: FloatArray
    weights: FloatArray


def fit_members(
    recipe: NetworkRecipe,
    rows: NetworkRows,
    shape: FloatArray,
    *,
    seed: int,
    watch: Watch,
    unseen: NetworkRows | None,
) -> tuple[Weights, ...]:
    """Fit the members one after the other; each starts from weights of its own.

    Args:
        recipe: Sizes and the fit.
        rows: What to learn from.
        shape: Quantiles of the regression in units of its deviation, array of shape (7, 23).
        seed: Of the initial weights and the order of rows.
        watch: The time limit is each member's; epochs are counted through all members.
        unseen: Later rows whose loss is told as `val_loss`; nothing is learned or chosen from them.

    Returns:
        The weights of each member, in Keras's order.

    Raises:
        TrainingError: A fit diverged or ran past its limit.
    """
    network, resting, train_epoch = _trainer(recipe.lookback, recipe.units)
    deterministic(seed)
    chance = Random(seed)  # noqa: S311 - weights, not secrets
    starts = [
        build_network(recipe.lookback, recipe.units, chance).get_weights() for _ in range(recipe.members)
    ]
    rates = learning_rates(recipe, rows=len(rows.windows))
    arrays = [values.astype("float32") for values in (rows.windows, rows.outcomes, rows.weights)]
    members = []
    for number, start in enumerate(starts):
        deterministic(seed + number)
        resting.assign(shape.astype("float32"))
        network.set_weights(start)
        for state in network.optimizer.variables:
            state.assign(np.zeros(state.shape))
        order = _shuffled(len(rows.windows))
        told = _callbacks(network, watch, unseen, shape, epochs_before=number * recipe.epochs)
        told.on_train_begin()
        for epoch, rate in enumerate(rates):
            told.on_epoch_begin(epoch)
            network.reset_metrics()
            train_epoch(*arrays, order, rate, recipe.batch_size)
            told.on_train_batch_end(0)
            told.on_epoch_end(epoch, {"loss": float(network.get_metrics_result()["loss"])})
        members.append(tuple(np.asarray(weight, dtype=float) for weight in network.get_weights()))
    return tuple(members)


@cache
def _trainer(lookback: int, units: tuple[int, ...]) -> "tuple[keras.Model, keras.Variable, Any]":
    """A network, the quantiles at rest that its loss reads, and its compiled epoch.

    One serves all fits of a process: compiling takes longer than a member's fit. Nothing of a fit is left to the
    next: weights, optimizer, quantiles and generators are set before each.
    """
    import keras

    network = build_network(lookback, units, Random(0))  # noqa: S311 - as above
    resting = keras.Variable(np.zeros((len(HORIZONS), len(LEVELS)), dtype="float32"), trainable=False)
    network.compile(
        optimizer=keras.optimizers.Adam(clipnorm=1.0), loss=pinball_of_moves(resting), jit_compile=False
    )
    network.optimizer.build(network.trainable_variables)
    return network, resting, _compiled_epoch(network, lookback)


def _compiled_epoch(network: "keras.Model", lookback: int) -> Any:
    """Keras's training step over an epoch's batches, in one call.

    `fit` calls Python for every batch and takes twice the time. The step is compiled by itself, for batches of any
    size: so it has the bits that it has in `fit`, which what `range-lstm` published rests on.

    Returns:
        A function of windows, outcomes, weights, the order of the rows, a learning rate a batch, and the batch size.
    """
    import tensorflow as tf

    arrays = [
        tf.TensorSpec((None, lookback, N_INPUTS)),
        tf.TensorSpec((None, len(HORIZONS))),
        tf.TensorSpec((None, len(HORIZONS))),
    ]

    # Without AutoGraph: on Python 3.13 it warns of itself, and where warnings are errors it then compiles nothing.
    @tf.function(input_signature=[arrays], autograph=False)  # type: ignore[untyped-decorator]
    def step(batch: Any) -> None:
        network.train_step(tuple(batch))

    numbers = [tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None,)), tf.TensorSpec((), tf.int64)]

    @tf.function(input_signature=[*arrays, *numbers], autograph=False)  # type: ignore[untyped-decorator]
    def epoch(windows: Any, outcomes: Any, weights: Any, order: Any, rates: Any, batch_size: Any) -> None:
        def one(number: Any) -> Any:
            rows = order[number * batch_size : (number + 1) * batch_size]
            network.optimizer.learning_rate.assign(rates[number])
            step([tf.gather(windows, rows), tf.gather(outcomes, rows), tf.gather(weights, rows)])
            return number + 1

        count = tf.size(rates, tf.int64)
        tf.while_loop(lambda number: number < count, one, [tf.constant(0, tf.int64)])

    return epoch


def _shuffled(rows: int) -> Any:
    """The order of the rows: that in which `fit` would shuffle them, in every epoch the same."""
    import tensorflow as tf

    orders = tf.data.Dataset.range(1).map(lambda _: tf.random.shuffle(tf.range(rows, dtype=tf.int64)))
    return next(iter(orders))


def learning_rates(recipe: NetworkRecipe, *, rows: int) -> FloatArray:
    """They fall from the recipe's to 0 along half a cosine (Loshchilov and Hutter 2017), shape (epochs, batches)."""
    steps = recipe.epochs * -(-rows // recipe.batch_size)
    fallen = [0.5 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]
    rates: FloatArray = (recipe.learning_rate * np.array(fallen)).reshape(recipe.epochs, -1)
    return rates.astype("float32")


def pinball_of_moves(resting: Any) -> Any:
    """Keras loss of moves: the mean pinball loss of the quantiles that they make of those at rest.

    Args:
        resting: Quantiles in units of the regression's deviation, variable or array of shape (7, 23).

    Returns:
        A function of outcomes of shape (n, 7) and moves of shape (n, 14) that gives losses of shape (n, 7).
    """
    from keras import ops

    levels = np.array(LEVELS, dtype="float32")
    tailness = TAILNESS.astype("float32")

    def pinball(outcomes: Any, moves: Any) -> Any:
        width, tails = ops.split(moves[..., None], 2, axis=1)
        quantiles = ops.exp(width + 0.5 * ops.tanh(2.0 * tails) * tailness) * resting
        error = outcomes[..., None] - quantiles
        return ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    return pinball


def watched_loss(weights: Weights, rows: NetworkRows, shape: FloatArray) -> float:
    """The loss that Keras reports, of rows that it does not see: weighted mean over rows and horizons."""
    quantiles = moved_quantiles(shape, network_moves(weights, rows.windows))
    losses = pinball_loss(rows.outcomes, quantiles).mean(axis=-1)
    return float((losses * rows.weights).mean())


def _callbacks(
    network: "keras.Model", watch: Watch, unseen: NetworkRows | None, shape: FloatArray, *, epochs_before: int
) -> "keras.callbacks.CallbackList":
    import keras

    listener = watch.on_epoch
    callbacks = [_watched(unseen, shape)] if unseen is not None and len(unseen.windows) else []
    if watch.time_limit_s:
        callbacks.append(TimeLimit(watch.time_limit_s))
    callbacks.append(DivergenceGuard())
    if listener is not None:
        callbacks.append(EpochReport(lambda epoch, values: listener(epochs_before + epoch, values)))
    return keras.callbacks.CallbackList(callbacks, add_history=False, model=network)


def _watched(rows: NetworkRows, shape: FloatArray) -> "keras.callbacks.Callback":
    import keras

    class _Watched(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            weights = tuple(np.asarray(weight, dtype=float) for weight in self.model.get_weights())
            # Keras hands one dictionary to all callbacks: the guard and the report after this one see it.
            (logs if logs is not None else {})["val_loss"] = watched_loss(weights, rows, shape)

    return _Watched()
