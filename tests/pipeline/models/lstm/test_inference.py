"""The network in plain arithmetic equals Keras, and its bits depend on the row alone."""

from random import Random

import numpy as np
import pytest

from pipeline.models.lstm.inference import lstm, network_moves
from pipeline.models.lstm.network import N_INPUTS, N_MOVES


def random_weights(units: tuple[int, ...]) -> list[np.ndarray]:
    normal, width = np.random.default_rng(4).normal, N_INPUTS
    weights = []
    for size in units:
        weights += [normal(size=shape) for shape in ((width, 4 * size), (size, 4 * size), 4 * size)]
        width = size
    return [*weights, normal(size=(units[-1] + N_INPUTS, N_MOVES)), normal(size=N_MOVES)]


def test_a_row_has_the_same_bits_alone_and_in_company():
    weights = random_weights((5, 3))
    windows = np.random.default_rng(5).normal(size=(33, 6, N_INPUTS))
    together = network_moves(weights, windows)
    for row in (0, 13, 32):
        alone = network_moves(weights, windows[[row]])
        assert np.array_equal(alone[0], together[row])


def test_a_window_that_is_not_whole_gives_nan():
    windows = np.zeros((2, 4, N_INPUTS))
    windows[1, 0, 0] = np.nan
    moves = network_moves(random_weights((3,)), windows)
    assert np.isfinite(moves[0]).all()
    assert np.isnan(moves[1]).any()


def test_a_cell_that_forgets_everything_and_admits_nothing_stays_empty():
    bias = np.repeat([-50.0, -50.0, 0.0, 0.0], 2)
    states = lstm(np.ones((3, 1, 4)), np.zeros((1, 8)), np.zeros((2, 8)), bias)
    assert states == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("units", [(4,), (6, 5)])
def test_it_equals_keras(units):
    from pipeline.models.lstm.network import build_network

    network = build_network(7, units, Random(1))
    weights = [weight / 3 for weight in random_weights(units)]
    network.set_weights(weights)
    windows = np.random.default_rng(6).normal(size=(8, 7, N_INPUTS))
    expected = network.predict_on_batch(windows.astype("float32"))
    found = network_moves(weights, windows)
    assert found == pytest.approx(expected, abs=1e-5)
