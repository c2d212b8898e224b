from random import Random

import numpy as np
import pytest

from pipeline.point.gradients import CELLS, gradient_by_lag, single_layer
from pipeline.point.reference_cell import CellWeights, backward, run_cell

pytestmark = pytest.mark.slow
WINDOW = 6
CHANCE = np.random.default_rng(0)
INPUTS, TARGETS = CHANCE.normal(size=(8, WINDOW, 2))[:, :, :1], CHANCE.normal(size=8)


def test_the_lstms_gradients_are_those_of_the_gates_written_out() -> None:
    from pipeline.point.network import build_network

    network = build_network(single_layer("lstm", window=WINDOW), Random(2))
    kernel, recurrent, bias, dense, shift = (np.asarray(w, dtype=np.float64) for w in network.get_weights())
    weights = CellWeights(kernel, recurrent, bias)
    steps = run_cell(weights, INPUTS)
    error = steps[-1].shown @ dense + shift - TARGETS[:, None]
    by_inputs = backward(weights, steps, 2 * error / len(TARGETS) @ dense.T).inputs
    expected = np.sqrt((by_inputs**2).sum(axis=(0, 2)))[::-1]
    np.testing.assert_allclose(gradient_by_lag("lstm", INPUTS, TARGETS, seed=2), expected, rtol=1e-4)


def test_every_cell_has_a_norm_for_each_lag_and_fitting_changes_it() -> None:
    for cell in CELLS:
        before = gradient_by_lag(cell, INPUTS, TARGETS, seed=1)
        assert before.shape == (WINDOW,)
        assert (before > 0).all()
    after = gradient_by_lag("gru", INPUTS, TARGETS, seed=1, epochs=2)
    assert not np.allclose(before, after)
