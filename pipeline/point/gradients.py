"""How much of the loss reaches back: the texts' claim of vanishing gradients, measured."""

from random import Random
from typing import Final, Literal

import numpy as np

from pipeline.forecasts.quantiles import FloatArray
from pipeline.recipes.point import Dense, Fitting, PointRecipe, Recurrent

Cell = Literal["simple-rnn", "lstm", "gru"]
CELLS: Final[tuple[Cell, ...]] = ("simple-rnn", "lstm", "gru")
UNITS: Final = 50


def gradient_by_lag(
    cell: Cell, inputs: FloatArray, targets: FloatArray, *, seed: int, epochs: int = 0
) -> FloatArray:
    """Norm of the gradient of the loss by each of the window's rows, one recurrent layer of 50 units.

    The loss is the mean squared error of one dense output after the last step. Element k − 1 of the result
    is ‖∂L/∂x at lag k‖, the Euclidean norm over the windows and columns, with lag 1 the newest row. It falls
    with the lag where the cell forgets: Bengio, Simard and Frasconi (1994) for the simple cell.

    Args:
        cell: Which recurrent layer.
        inputs: Scaled windows, shape (n_windows, window, n_columns).
        targets: Scaled, shape (n_windows,).
        seed: Of the weights.
        epochs: Epochs of fitting before the gradient is taken; 0 shows the cell as it starts.

    Returns:
        Array of shape (window,), newest lag first.
    """
    import tensorflow as tf

    from pipeline.models.callbacks import deterministic
    from pipeline.point.network import build_network

    deterministic(seed)
    chance = Random(seed)  # noqa: S311 - weights, not secrets
    network = build_network(single_layer(cell, window=inputs.shape[1]), chance)
    windows, truth = inputs.astype(np.float32), targets.astype(np.float32)[:, None]
    if epochs:
        network.fit(windows, truth, batch_size=64, epochs=epochs, verbose=0)
    rows = tf.constant(windows)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = tf.reduce_mean(tf.square(network(rows) - truth))
    gradient = np.asarray(tape.gradient(loss, rows), dtype=np.float64)
    return np.asarray(np.sqrt((gradient**2).sum(axis=(0, 2)))[::-1])


def single_layer(cell: Cell, *, window: int) -> PointRecipe:
    """The network whose gradients are compared: one layer of the cell and a dense output."""
    return PointRecipe(
        name=f"gradient-{cell}",
        title=f"one layer of {UNITS} units",
        window=window,
        layers=(Recurrent(kind=cell, units=UNITS), Dense(kind="dense", units=1)),
        fitting=Fitting(learning_rate=0.001),
    )
