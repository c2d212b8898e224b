"""Scores against naive loops and an independent library."""

import math

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.forecasts.quantiles import COVERAGES, LEVELS, MEDIAN, interval_levels
from pipeline.scores.formulas import (
    coverage,
    diebold_mariano,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_absolute_scaled_error,
    mean_squared_error,
    pinball_loss,
    probability_integral_transform,
    relative_wis,
    relative_wis_over_horizons,
    weighted_interval_score,
)


@pytest.fixture
def sample() -> tuple[np.ndarray, np.ndarray]:
    """200 outcomes and as many rising quantile rows."""
    chance = np.random.default_rng(7)
    return chance.normal(size=200), np.sort(chance.normal(size=(200, len(LEVELS))), axis=1)


def test_pinball_equals_a_naive_loop(sample):
    actual, quantiles = sample
    losses = pinball_loss(actual, quantiles)
    for row in range(20):
        for column, level in enumerate(LEVELS):
            error = actual[row] - quantiles[row, column]
            expected = level * error if error >= 0 else (level - 1) * error
            assert losses[row, column] == pytest.approx(expected, abs=1e-15)


def test_wis_is_twice_the_mean_quantile_score_of_scoringrules(sample):
    actual, quantiles = sample
    each = np.stack(
        [scoringrules.quantile_score(actual, quantiles[:, i], level) for i, level in enumerate(LEVELS)],
        axis=1,
    )
    assert weighted_interval_score(actual, quantiles) == pytest.approx(2 * each.mean(axis=1), abs=1e-12)


def test_wis_is_the_weighted_sum_of_the_interval_scores_of_scoringrules(sample):
    actual, quantiles = sample
    total = 0.5 * np.abs(actual - quantiles[:, MEDIAN])
    for index, level in enumerate(LEVELS[:MEDIAN]):
        lower, upper = quantiles[:, index], quantiles[:, -1 - index]
        total += level * scoringrules.interval_score(actual, lower, upper, 2 * level)
    assert weighted_interval_score(actual, quantiles) == pytest.approx(total / 11.5, abs=1e-12)


def test_wis_is_zero_for_a_certain_and_right_forecast_and_nan_without_an_outcome():
    quantiles = np.tile([[0.3]], (2, len(LEVELS)))
    scores = weighted_interval_score(np.array([0.3, np.nan]), quantiles)
    assert scores[0] == 0
    assert np.isnan(scores[1])


@given(shift=st.floats(-1, 1), scale=st.floats(0.01, 10))
@settings(max_examples=30)
def test_wis_moves_with_the_unit_and_not_with_the_place(shift, scale):
    chance = np.random.default_rng(3)
    actual, quantiles = chance.normal(size=5), np.sort(chance.normal(size=(5, len(LEVELS))), axis=1)
    moved = weighted_interval_score(scale * (actual + shift), scale * (quantiles + shift))
    assert moved == pytest.approx(scale * weighted_interval_score(actual, quantiles), rel=1e-9, abs=1e-12)


def test_relative_wis_counts_common_days_only():
    scores = np.array([1.0, np.nan, 3.0, 100.0])
    baseline = np.array([2.0, 50.0, 6.0, np.nan])
    assert relative_wis(scores, baseline) == 0.5
    assert math.isnan(relative_wis(np.array([1.0]), np.array([np.nan])))
    assert math.isnan(relative_wis(np.array([1.0]), np.array([0.0])))


def test_relative_wis_over_horizons_is_a_loop_of_scores_over_the_root_of_their_horizon():
    scores, baseline, horizons = [1.0, 6.0, 3.0], [2.0, 4.0, 9.0], [1, 4, 9]
    own = sum(score / math.sqrt(days) for score, days in zip(scores, horizons, strict=True))
    walk = sum(score / math.sqrt(days) for score, days in zip(baseline, horizons, strict=True))
    arrays = (np.array(values, dtype=float) for values in (scores, baseline, horizons))
    assert relative_wis_over_horizons(*arrays) == pytest.approx(own / walk)
    nothing = np.array([])
    assert math.isnan(relative_wis_over_horizons(nothing, nothing, nothing))
    one, unknown = np.array([1.0]), np.array([np.nan])
    assert math.isnan(relative_wis_over_horizons(unknown, one, one))


def test_coverage_counts_what_lies_inside_ends_included(sample):
    actual, quantiles = sample
    for percent in COVERAGES:
        lower, upper = (LEVELS.index(level) for level in interval_levels(percent))
        inside = sum(row[lower] <= value <= row[upper] for value, row in zip(actual, quantiles, strict=True))
        assert coverage(actual, quantiles, percent) == pytest.approx(inside / len(actual))
    edges = np.array([quantiles[0, LEVELS.index(0.25)]])
    assert coverage(edges, quantiles[:1], 50) == 1
    assert math.isnan(coverage(np.array([np.nan]), quantiles[:1], 50))


def test_pit_is_the_level_where_an_outcome_fell():
    quantiles = np.array([LEVELS, LEVELS, LEVELS, LEVELS])
    fallen = probability_integral_transform(np.array([0.3, -1.0, 2.0, np.nan]), quantiles)
    assert fallen[:3] == pytest.approx([0.3, 0.005, 0.995])
    assert np.isnan(fallen[3])


def test_diebold_mariano_of_one_day_is_the_t_of_the_mean_difference():
    chance = np.random.default_rng(5)
    better, worse = chance.normal(1, 1, 400) ** 2, chance.normal(1.2, 1, 400) ** 2
    difference = worse - better
    test = diebold_mariano(better, worse)
    assert test.t == pytest.approx(difference.mean() / (difference.std() / 20))
    assert test.p == pytest.approx(math.erfc(abs(test.t) / math.sqrt(2)))
    assert diebold_mariano(worse, better).t == pytest.approx(-test.t)


@pytest.mark.parametrize("horizon", [2, 3, 7])
def test_diebold_mariano_weighs_autocovariances_as_newey_and_west(horizon):
    chance = np.random.default_rng(11)
    difference = np.convolve(chance.normal(0.1, 1, 300), np.ones(horizon), mode="valid")
    mean = difference.mean()
    variance = 0.0
    for lag in range(-(horizon - 1), horizon):
        products = [
            (difference[day] - mean) * (difference[day - abs(lag)] - mean)
            for day in range(abs(lag), len(difference))
        ]
        variance += (1 - abs(lag) / horizon) * sum(products) / len(difference)
    expected = mean / math.sqrt(variance / len(difference))
    zeros = np.zeros(len(difference))
    assert diebold_mariano(zeros, difference, horizon=horizon).t == pytest.approx(expected)


def test_diebold_mariano_without_spread_or_days_is_nan():
    assert math.isnan(diebold_mariano(np.array([1.0]), np.array([2.0])).t)
    assert math.isnan(diebold_mariano(np.zeros(9), np.zeros(9)).t)


def test_point_errors_equal_their_formulas():
    actual, predicted = np.array([100.0, 200.0, np.nan, 0.0]), np.array([110.0, 180.0, 5.0, 10.0])
    assert mean_squared_error(actual, predicted) == pytest.approx((100 + 400 + 100) / 3)
    assert mean_absolute_error(actual, predicted) == pytest.approx(40 / 3)
    assert mean_absolute_scaled_error(actual, predicted, scale=20.0) == pytest.approx(2 / 3)
    assert math.isnan(mean_absolute_scaled_error(actual, predicted, scale=0.0))
    assert mean_absolute_percentage_error(actual, predicted) == pytest.approx(0.1)
    assert math.isnan(mean_absolute_percentage_error(np.array([0.0]), np.array([1.0])))
