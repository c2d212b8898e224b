"""A fitted stacked LSTM as plain arithmetic: what `range_network` learned, computed without Keras.

A library's matrix product may change its last bits with the number of rows and of threads. These sums do not:
a forecast has the same bits alone, in a backtest and on a server, and predicting needs no TensorFlow.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray

# The state speaks softly beside the last day's features: at full voice it fits noise before it finds anything.
STATE_VOICE: Final = 0.2
# 0 at the middle of the levels' way from median to tail: widening tails narrows the centre.
TAILNESS: Final = np.abs(2 * np.array(LEVELS) - 1) / 0.98 - 0.5


def network_moves(weights: Sequence[FloatArray], windows: FloatArray) -> FloatArray:
    """Output of one member.

    Args:
        weights: In Keras's order: kernel, recurrent kernel and bias of each LSTM, kernel and bias of the
            dense layer.
        windows: Array of shape (n, lookback, n_inputs).

    Returns:
        Array of shape (n, 14): for each horizon the logarithm of the width, then the tails' share.
    """
    *layers, kernel, bias = weights
    sequence = np.ascontiguousarray(windows.transpose(1, 2, 0))
    states = sequence
    for index in range(0, len(layers), 3):
        states = lstm(states, layers[index], layers[index + 1], layers[index + 2])
    known = np.concatenate([STATE_VOICE * states[-1], sequence[-1]])
    return _affine(known, kernel, bias).T


def moved_quantiles(shape: FloatArray, moves: FloatArray) -> FloatArray:
    """The regression's quantiles after a network's moves: `exp(width + ½·tanh(2·tails)·tailness) × shape`.

    Args:
        shape: Quantiles at rest, array of shape (7, 23), zero in the middle.
        moves: Array of shape (n, 14).

    Returns:
        Array of shape (n, 7, 23), in units of the regression's deviation.
    """
    width, tails = moves[:, : len(HORIZONS), None], moves[:, len(HORIZONS) :, None]
    quantiles: FloatArray = np.exp(width + 0.5 * np.tanh(2 * tails) * TAILNESS) * shape
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
        gates = _affine(np.concatenate([inputs, hidden]), np.concatenate([kernel, recurrent]), bias)
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
