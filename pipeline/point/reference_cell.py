"""The LSTM's gates written out, forward and backward, in double precision: an oracle to test Keras against.

For each step t, with x the input, h the output and c the state (Hochreiter and Schmidhuber 1997; the forget
gate of Gers, Schmidhuber and Cummins 2000):

    forget     f = σ(x·W_f + h₋₁·U_f + b_f)      how much of the old state stays
    input      i = σ(x·W_i + h₋₁·U_i + b_i)      how much of the candidate enters
    candidate  g = tanh(x·W_g + h₋₁·U_g + b_g)   what could enter
    output     o = σ(x·W_o + h₋₁·U_o + b_o)      how much of the state is shown
    state      c = f·c₋₁ + i·g
    shown      h = o·tanh(c)
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.forecasts.quantiles import FloatArray

# The order in which Keras lays the gates side by side in its kernels.
GATES: Final = ("input", "forget", "candidate", "output")


@dataclass(frozen=True, eq=False)
class CellWeights:
    """Weights of one cell, gates side by side in the order of `GATES`; also the form of their gradients.

    Attributes:
        kernel: W, shape (n_inputs, 4 · units).
        recurrent: U, shape (units, 4 · units).
        bias: b, shape (4 · units,).
    """

    kernel: FloatArray
    recurrent: FloatArray
    bias: FloatArray

    @property
    def units(self) -> int:
        """Width of the state."""
        return len(self.recurrent)


@dataclass(frozen=True, eq=False)
class Step:
    """What one step computed, each of shape (batch, units), and its input of shape (batch, n_inputs)."""

    inputs: FloatArray
    shown_before: FloatArray
    state_before: FloatArray
    input: FloatArray
    forget: FloatArray
    candidate: FloatArray
    output: FloatArray
    state: FloatArray

    @property
    def shown(self) -> FloatArray:
        """What the step hands on: o·tanh(c)."""
        return np.asarray(self.output * np.tanh(self.state))


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients of a loss: of the weights, and of the inputs, shape (batch, steps, n_inputs)."""

    weights: CellWeights
    inputs: FloatArray


def run_cell(weights: CellWeights, inputs: FloatArray) -> list[Step]:
    """Run the cell over a batch of sequences from an empty state.

    Args:
        weights: The cell's weights.
        inputs: Array of shape (batch, steps, n_inputs).

    Returns:
        Every step; the last one's `shown`, shape (batch, units), is the layer's output.
    """
    shown = state = np.zeros((len(inputs), weights.units))
    steps = []
    for x in np.moveaxis(inputs, 1, 0):
        step = _step(weights, x, shown, state)
        shown, state = step.shown, step.state
        steps.append(step)
    return steps


def backward(weights: CellWeights, steps: list[Step], loss_gradient: FloatArray) -> Gradients:
    """Back-propagation through time.

    Args:
        weights: The weights that `steps` were run with.
        steps: From `run_cell`.
        loss_gradient: Gradient of the loss by the last step's `shown`, shape (batch, units).
    """
    totals = CellWeights(*(np.zeros_like(w) for w in (weights.kernel, weights.recurrent, weights.bias)))
    by_shown, by_state = loss_gradient, np.zeros_like(loss_gradient)
    by_inputs = []
    for step in reversed(steps):
        by_gates, by_state = _step_backward(step, by_shown, by_state)
        totals = CellWeights(
            totals.kernel + step.inputs.T @ by_gates,
            totals.recurrent + step.shown_before.T @ by_gates,
            totals.bias + by_gates.sum(axis=0),
        )
        by_inputs.append(by_gates @ weights.kernel.T)
        by_shown = by_gates @ weights.recurrent.T
    return Gradients(totals, np.stack(by_inputs[::-1], axis=1))


def _step(weights: CellWeights, x: FloatArray, shown: FloatArray, state: FloatArray) -> Step:
    drive = x @ weights.kernel + shown @ weights.recurrent + weights.bias
    entering, forget, candidate, output = np.split(drive, len(GATES), axis=1)
    i, f, g, o = _sigmoid(entering), _sigmoid(forget), np.tanh(candidate), _sigmoid(output)
    return Step(x, shown, state, input=i, forget=f, candidate=g, output=o, state=f * state + i * g)


def _step_backward(step: Step, by_shown: FloatArray, by_state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gradients by the gates' drives, shape (batch, 4 · units), and by the state before the step."""
    height = np.tanh(step.state)
    by_state = by_state + by_shown * step.output * (1 - height**2)
    i, f, g, o = step.input, step.forget, step.candidate, step.output
    drives = (
        by_state * g * i * (1 - i),
        by_state * step.state_before * f * (1 - f),
        by_state * i * (1 - g**2),
        by_shown * height * o * (1 - o),
    )
    return np.concatenate(drives, axis=1), by_state * f


def _sigmoid(values: FloatArray) -> FloatArray:
    return np.asarray((1 + np.tanh(values / 2)) / 2)
