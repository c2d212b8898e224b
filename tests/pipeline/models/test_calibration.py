"""What recent outcomes say about quantiles and skill."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.forecasts.quantiles import LEVELS
from pipeline.models.calibration import PRIOR_DAYS, in_units, recalibrated, skill_ends_at

NORMAL = stats.norm.ppf(LEVELS)
UNIT = stats.norm.ppf(0.8)


def outcomes(deviation, days=4000, seed=1):
    return np.random.default_rng(seed).normal(0, deviation, (days, 7))


def test_a_unit_is_the_forecasts_80_percent_quantile():
    quantiles = np.broadcast_to(0.02 * NORMAL, (5, 7, 23))
    assert in_units(np.full((5, 7), 0.02 * UNIT), quantiles) == pytest.approx(np.ones((5, 7)))


@pytest.mark.parametrize("true_width", [0.9, 1.0, 1.15])
def test_ranges_find_the_width_less_what_the_prior_holds_back(true_width):
    days, forecast = 4000, np.tile(0.02 * NORMAL, (7, 1))
    recent = in_units(outcomes(0.02 * true_width), np.broadcast_to(forecast, (days, 7, 23)))
    expected = true_width ** (days / (days + PRIOR_DAYS))
    told = [3, 4, 5, 17, 18, 19]
    assert recalibrated(forecast, recent.T)[:, told] == pytest.approx(expected * forecast[:, told], rel=0.06)


def test_tails_follow_what_came():
    """Outcomes of Student's t with 3 degrees beside a normal forecast: wider tails, a narrower centre."""
    days = 20_000
    heavy = np.random.default_rng(5).standard_t(3, (days, 7)) / stats.t.ppf(0.8, 3)
    moved = recalibrated(np.tile(NORMAL / UNIT, (7, 1)), heavy.T)
    expected = stats.t.ppf(LEVELS, 3) / stats.t.ppf(0.8, 3)
    assert moved[0] == pytest.approx(expected, rel=0.05)


def test_no_days_change_nothing_and_few_change_little():
    forecast = np.tile(0.02 * NORMAL, (7, 1))
    assert np.array_equal(recalibrated(forecast, np.full((7, 180), np.nan)), forecast)
    one = np.full((7, 180), np.nan)
    one[:, 3] = 2.0
    # The 1 % quantile of −2 and 2 is −1.96.
    ratio = (1.96 * UNIT / NORMAL[-1]) ** (1 / (1 + PRIOR_DAYS))
    assert recalibrated(forecast, one)[:, 0] == pytest.approx(ratio * forecast[:, 0])


@given(st.integers(0, 2**32 - 1), st.integers(1, 180), st.floats(0.1, 10))
def test_quantiles_stay_symmetric_rise_and_know_no_unit(seed, days, unit):
    random = np.random.default_rng(seed)
    forecast = np.tile(NORMAL, (7, 1)) * random.uniform(0.01, 0.2, (7, 1))
    recent = random.standard_t(3, (7, days))
    moved = recalibrated(forecast, recent)
    assert (np.diff(moved, axis=1) >= 0).all()
    assert moved == pytest.approx(-moved[:, ::-1], rel=1e-9, abs=1e-12)
    assert recalibrated(unit * forecast, recent) == pytest.approx(unit * moved)
    assert np.array_equal(recalibrated(forecast, recent[:, random.permutation(days)]), moved)


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


def test_each_of_many_days_is_what_it_is_alone():
    random = np.random.default_rng(7)
    quantiles = 0.02 * random.uniform(0.5, 2, (20, 7, 1)) * NORMAL
    recent = random.standard_t(3, (20, 7, 60))
    recent[random.random(recent.shape) < random.random((20, 1, 1))] = np.nan
    recent[3], quantiles[4, 2] = np.nan, np.nan
    alone = [recalibrated(*day) for day in zip(quantiles, recent, strict=True)]
    assert np.array_equal(recalibrated(quantiles, recent), np.stack(alone), equal_nan=True)
