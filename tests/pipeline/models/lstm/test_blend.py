"""What `range-blend` makes of its parts, and that no bit of it depends on the number of threads."""

import subprocess
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit
from pipeline.models.lstm.ensemble import RANDOM_WALK_SHARE, LearnedRange
from pipeline.models.random_walk import random_walk_quantiles

pytestmark = pytest.mark.slow

AS_OF = date(2024, 3, 1)
PLACES = np.array([795, 800, 860])


@pytest.fixture(scope="module")
def learned(simulated):
    recipe = find_recipe("range-blend").model_copy(update={"epochs": 1})
    return fit(recipe, simulated, as_of=AS_OF, seed=1).learned_


def with_recipe(learned, **changes):
    return replace(learned, recipe=learned.recipe.model_copy(update=changes))


def network_of(learned):
    fields = {name: value for name, value in vars(learned).items() if name not in {"ridge_", "recipe"}}
    return LearnedRange(**fields)


def test_without_shares_and_reversal_it_is_the_network_s_ranges(learned, simulated):
    alone = with_recipe(learned, ridge_shares=(0.0,) * 7, reversal_share=0.0)
    assert np.array_equal(
        alone.quantiles(simulated, PLACES), network_of(learned).quantiles(simulated, PLACES)
    )


def test_ranges_are_mixed_by_horizon_before_they_are_calibrated(learned, simulated):
    shares = np.array(learned.recipe.ridge_shares)[:, None]
    assert sorted(set(shares.ravel())) == [0.1, 0.2, 0.3, 0.5]
    network = network_of(learned).uncalibrated(simulated, PLACES)
    ridge = learned.ridge_.quantiles(simulated, PLACES)
    mean = network + shares * (ridge - network)
    assert learned.uncalibrated(simulated, PLACES) == pytest.approx(mean)


def test_the_reversal_moves_all_quantiles_of_the_first_horizon_alike_and_no_other(learned, simulated):
    resting = with_recipe(learned, reversal_share=0.0).quantiles(simulated, PLACES)
    found = learned.quantiles(simulated, PLACES)
    assert np.array_equal(found[:, 1:], resting[:, 1:])
    moved = 0.7 * learned.ridge_.return_ahead(simulated, PLACES)[:, None]
    assert (moved != 0).all()
    # The random walk's tenth stays where it is.
    assert found[:, 0] - resting[:, 0] == pytest.approx(
        (1 - RANDOM_WALK_SHARE[0]) * np.repeat(moved, 23, axis=1)
    )


def test_a_horizon_that_is_given_up_is_the_random_walk_s(learned, simulated):
    given_up = replace(learned, random_walk_from_=2)
    walk = random_walk_quantiles(simulated.days, PLACES)
    assert np.array_equal(given_up.quantiles(simulated, PLACES)[:, 1:], walk[:, 1:])


def test_no_bit_depends_on_the_number_of_threads():
    code = (
        "import sys; from datetime import date; from flows.edges.machine.runtime import prepare_environment;"
        "prepare_environment(); import tensorflow as tf; threads = int(sys.argv[1]);"
        "tf.config.threading.set_intra_op_parallelism_threads(threads);"
        "tf.config.threading.set_inter_op_parallelism_threads(threads);"
        "from pipeline.candles import daily_grid; from pipeline.features.feature_grid import FeatureGrid;"
        "from pipeline.models.catalogue import find_recipe; from pipeline.models.fitting import fit, issue;"
        "from pipeline.series import Series; from pipeline.simulation import simulate_candles;"
        "candles = simulate_candles(seed=11, first=date(2020, 1, 1), last=date(2024, 6, 30), price=2e4);"
        "grid = FeatureGrid.of(daily_grid(candles));"
        "model = fit(find_recipe('range-blend'), grid, as_of=date(2024, 6, 1), seed=1);"
        "made = issue(model, grid, series=Series('simulated', 'BTCUSDT'), as_of=date(2024, 6, 20));"
        "print(made.quantiles.tobytes().hex())"
    )
    told = {
        subprocess.run(
            ["env", f"OPENBLAS_NUM_THREADS={threads}", sys.executable, "-c", code, str(threads)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in (1, 2, 4)
    }
    assert len(told) == 1
