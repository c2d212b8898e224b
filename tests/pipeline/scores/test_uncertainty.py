import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.scores.uncertainty import (
    binomial_bounds,
    cautious_t,
    ratio_path,
    student_critical,
    wilson_interval,
)


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilsons_interval_is_scipys(trials: int, fraction: float) -> None:
    hits = round(trials * fraction)
    oracle = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    found = wilson_interval(hits / trials, trials)
    assert found == pytest.approx((oracle.low, oracle.high), abs=1e-9)


def test_nothing_is_known_of_no_trials() -> None:
    assert all(math.isnan(end) for end in wilson_interval(0.0, 0))


@given(
    st.integers(1, 365),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
    st.sampled_from([1e-2, 1e-3, 3.6e-5, 6e-6, 6e-9]),
)
def test_binomial_bounds_are_the_tightest_whose_tails_are_below_the_level(
    trials: int, share: float, level: float
) -> None:
    fewest, most = binomial_bounds(trials, share, level=level)
    law = stats.binom(trials, share)
    assert law.cdf(fewest - 1) < level / 2 <= law.cdf(fewest)
    assert law.sf(most) < level / 2 <= law.sf(most - 1)


@pytest.mark.parametrize("level", [1e-2, 1e-4, 3.6e-5, 6e-6, 6e-9])
@pytest.mark.parametrize("freedom", [59, 364])
def test_students_critical_values_are_scipys(level: float, freedom: int) -> None:
    assert student_critical(level, freedom) == pytest.approx(stats.t.isf(level, freedom), rel=2e-4)


@pytest.mark.parametrize("horizon", [1, 3, 7])
def test_a_ratio_path_is_what_a_loop_over_its_days_says(horizon: int) -> None:
    generator = np.random.default_rng(2)
    baseline = generator.gamma(2, 1, 60)
    loss = 0.95 * baseline + generator.normal(0, 0.2, 60)
    path = ratio_path(loss, baseline, horizon=horizon)
    for n in (5, 20, 60):
        own, walk = loss[:n], baseline[:n]
        ratio = own.mean() / walk.mean()
        error = own - ratio * walk
        variance = error @ error / n
        for lag in range(1, horizon):
            variance += 2 * (1 - lag / horizon) * sum(error[i] * error[i - lag] for i in range(lag, n)) / n
        half = 1.959964 * math.sqrt(variance / n) / walk.mean()
        assert path.ratio[n - 1] == pytest.approx(ratio)
        assert path.lower[n - 1] == pytest.approx(ratio - half, rel=1e-6)
        assert path.upper[n - 1] == pytest.approx(ratio + half, rel=1e-6)


def test_ratio_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        baseline = generator.gamma(2, 1, 250)
        path = ratio_path(0.9 * baseline + generator.standard_t(4, 250) * 0.3, baseline, horizon=1)
        held += path.lower[-1] <= 0.9 <= path.upper[-1]
    assert 0.92 <= held / 400 <= 0.98


def test_a_ratio_needs_a_baseline_with_losses_and_two_days() -> None:
    path = ratio_path(np.array([1.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0]), horizon=1)
    assert np.isnan(path.ratio[:2]).all()
    assert path.ratio[2] == 1.5
    alone = ratio_path(np.array([1.0]), np.array([2.0]), horizon=7)
    assert alone.ratio[0] == 0.5
    assert np.isnan(alone.lower[0])
    assert len(ratio_path(np.empty(0), np.empty(0), horizon=1).ratio) == 0


def test_a_cautious_t_never_claims_more_than_the_plain_one() -> None:
    values = np.random.default_rng(4).standard_t(3, 300) + 0.2
    found = cautious_t(values, 60)
    plain = [stats.ttest_1samp(values[i : i + 60], 0).statistic for i in range(241)]
    assert len(found) == 241
    assert (found <= np.array(plain) + 1e-9).all()


def test_a_cautious_t_of_symmetric_values_is_the_plain_one() -> None:
    values = np.tile([0.3, -0.1], 30)
    assert cautious_t(values, 60)[0] == pytest.approx(stats.ttest_1samp(values, 0).statistic)


def test_values_without_spread_say_nothing() -> None:
    assert cautious_t(np.zeros(61), 60).tolist() == [0.0, 0.0]
    assert cautious_t(np.full(60, 0.7), 60).tolist() == [0.0]
