"""A fitted stacked LSTM as plain arithmetic: what `range_network` learned, computed without Keras.

A library's matrix product may change its last bits with the number of rows and of threads. These sums do not:
a forecast has the same bits alone, in a backtest and on a server, and predicting needs no TensorFlow.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.quantiles import HORIZONS, FloatArray


def network_quantiles(weights: Sequence[FloatArray], windows: FloatArray) -> FloatArray:
    """Quantiles in units of HAR's deviation.

    Args:
        weights: As `range_network.fit_member` returns them: kernel, recurrent kernel and bias of each LSTM,
            kernel and bias of the dense layer, lowest quantile and log steps.
        windows: Array of shape (n, lookback, n_inputs).

    Returns:
        Array of shape (n, 7, 23).
    """
    *layers, kernel, bias, lowest, steps = weights
    sequence = np.ascontiguousarray(windows.transpose(1, 2, 0))
    for index in range(0, len(layers), 3):
        sequence = lstm(sequence, layers[index], layers[index + 1], layers[index + 2])
    moves = _affine(sequence[-1], kernel, bias)
    shape = np.cumsum(np.concatenate([lowest, np.exp(steps)], axis=1), axis=1)
    shift, stretch = moves[: len(HORIZONS)].T, moves[len(HORIZONS) :].T
    quantiles: FloatArray = np.exp(stretch)[:, :, None] * shape + shift[:, :, None]
    return quantiles


def lstm(sequence: FloatArray, kernel: FloatArray, recurrent: FloatArray, bias: FloatArray) -> FloatArray:
    """All hidden states of one LSTM layer (Hochreiter and Schmidhuber 1997), gates in Keras's order.

    Args:
        sequence: Array of shape (lookback, n_inputs, n): the rows come last.
        kernel: Array of shape (n_inputs, 4 × units): input, forget, candidate, output.
        recurrent: Array of shape (units, 4 × units).
        bias: Array of shape (4 × units,).

    Returns:
        Array of shape (lookback, units, n).
    """
    units, rows = recurrent.shape[0], sequence.shape[2]
    hidden, cell = np.zeros((units, rows)), np.zeros((units, rows))
    states = np.empty((len(sequence), units, rows))
    for day, inputs in enumerate(sequence):
        gates = _affine(inputs, kernel, bias) + _affine(hidden, recurrent, np.zeros(len(bias)))
        enter, forget, candidate, leave = gates.reshape(4, units, rows)
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(candidate)
        hidden = _sigmoid(leave) * np.tanh(cell)
        states[day] = hidden
    return states


def _affine(columns: FloatArray, kernel: FloatArray, bias: FloatArray) -> FloatArray:
    total = np.repeat(bias[:, None], columns.shape[1], axis=1)
    for row, weights in zip(columns, kernel, strict=True):
        total += weights[:, None] * row
    return total


def _sigmoid(values: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-values))
