import numpy as np
import pytest

from pipeline.point.reference_cell import GATES, CellWeights, backward, run_cell

UNITS, INPUTS, STEPS, BATCH = 6, 2, 9, 5


@pytest.fixture
def weights() -> CellWeights:
    chance = np.random.default_rng(2)
    width = len(GATES) * UNITS
    return CellWeights(
        chance.normal(0, 0.5, (INPUTS, width)),
        chance.normal(0, 0.4, (UNITS, width)),
        chance.normal(0, 0.3, width),
    )


@pytest.fixture
def inputs() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(BATCH, STEPS, INPUTS))


def loss(weights: CellWeights, inputs: np.ndarray) -> float:
    return float(np.sin(run_cell(weights, inputs)[-1].shown).sum())


def test_backward_is_the_slope_of_the_loss(weights: CellWeights, inputs: np.ndarray) -> None:
    steps = run_cell(weights, inputs)
    gradients = backward(weights, steps, np.cos(steps[-1].shown))
    chance = np.random.default_rng(4)
    pairs = (
        (weights.kernel, gradients.weights.kernel),
        (weights.recurrent, gradients.weights.recurrent),
        (weights.bias, gradients.weights.bias),
        (inputs, gradients.inputs),
    )
    for values, gradient in pairs:
        for _ in range(5):
            place = tuple(chance.integers(0, n) for n in values.shape)
            kept = values[place]
            values[place] = kept + 1e-6
            above = loss(weights, inputs)
            values[place] = kept - 1e-6
            below = loss(weights, inputs)
            values[place] = kept
            assert gradient[place] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_an_open_forget_gate_keeps_the_state_and_a_closed_one_drops_it(inputs: np.ndarray) -> None:
    zeros = (np.zeros((INPUTS, 4)), np.zeros((1, 4)))
    # One unit: input, forget, candidate, output.
    keep = run_cell(CellWeights(*zeros, np.array([30.0, 30.0, 30.0, 30.0])), inputs)
    assert keep[-1].state == pytest.approx(np.full((BATCH, 1), float(STEPS)))
    drop = run_cell(CellWeights(*zeros, np.array([30.0, -30.0, 30.0, 30.0])), inputs)
    assert drop[-1].state == pytest.approx(np.ones((BATCH, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keras_lstm_has_these_gates(dtype: str, inputs: np.ndarray) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(3)
    layer = keras.layers.LSTM(UNITS, dtype=dtype)
    layer.build(inputs.shape)
    rows = tf.constant(inputs.astype(dtype))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        shown = layer(rows)
        total = tf.reduce_sum(tf.sin(shown))
    variables = layer.trainable_variables
    theirs = tape.gradient(total, [*variables, rows])
    weights = CellWeights(*(np.asarray(v.numpy(), dtype=np.float64) for v in variables))
    steps = run_cell(weights, inputs)
    ours = backward(weights, steps, np.cos(steps[-1].shown))
    np.testing.assert_allclose(shown.numpy(), steps[-1].shown, atol=1e-5)
    for gradient, own in zip(
        theirs, (ours.weights.kernel, ours.weights.recurrent, ours.weights.bias, ours.inputs), strict=True
    ):
        np.testing.assert_allclose(gradient.numpy(), own, atol=1e-5)
