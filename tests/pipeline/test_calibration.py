"""What the held-back days say about width and skill."""

import numpy as np
import pytest
from scipy import stats

from pipeline.calibration import PRIOR_DAYS, best_stretch, skill_ends_at
from pipeline.quantiles import LEVELS

NORMAL = stats.norm.ppf(LEVELS)


def outcomes(deviation, days=4000, seed=1):
    return np.random.default_rng(seed).normal(0, deviation, (days, 7))


@pytest.mark.parametrize("true_width", [0.9, 1.0, 1.15])
def test_the_stretch_finds_the_width_less_what_the_prior_holds_back(true_width):
    days = 4000
    quantiles = np.broadcast_to(0.02 * NORMAL, (days, 7, 23))
    found = best_stretch(outcomes(0.02 * true_width), quantiles, np.full((days, 7), 0.02))
    assert found == pytest.approx(true_width ** (days / (days + PRIOR_DAYS)), abs=0.05)


def test_the_unit_does_not_matter_and_no_days_change_nothing():
    quantiles, unit = np.broadcast_to(NORMAL, (300, 7, 23)), np.ones((300, 7))
    actual = outcomes(1.1, days=300)
    same = best_stretch(1e-6 * actual, 1e-6 * quantiles, 1e-6 * unit)
    assert np.array_equal(best_stretch(actual, quantiles, unit), same)
    assert (best_stretch(np.full((300, 7), np.nan), quantiles, unit) == 1).all()


def test_skill_ends_where_every_later_horizon_is_significantly_worse():
    actual = outcomes(1.0, days=400)
    walk = np.broadcast_to(NORMAL, (400, 7, 23))
    own = walk.copy()
    assert skill_ends_at(actual, own, walk) is None
    own[:, [1, 4, 5, 6]] *= 2.5
    assert skill_ends_at(actual, own, walk) == 5
    own[:, 6] = walk[:, 6]
    assert skill_ends_at(actual, own, walk) is None


def test_the_first_horizon_is_never_given_up():
    actual = outcomes(1.0, days=400)
    walk = np.broadcast_to(NORMAL, (400, 7, 23))
    assert skill_ends_at(actual, 3 * walk, walk) == 2
