"""The range as a measure of volatility."""

import math

import numpy as np
import pytest

from pipeline.features.day_axis import DayAxis
from pipeline.features.volatility import garman_klass_variance, log_range_ahead, tamed_log_range


def test_the_variance_is_garman_and_klass_s(simulated_grid):
    days = DayAxis.of(simulated_grid)
    row = simulated_grid.iloc[77]
    spread, body = math.log(row["high"] / row["low"]), math.log(row["close"] / row["open"])
    expected = 0.5 * spread**2 - (2 * math.log(2) - 1) * body**2
    assert garman_klass_variance(days)[77] == pytest.approx(expected)


def test_it_estimates_the_variance_of_a_random_walk():
    chance = np.random.default_rng(2)
    path = np.cumsum(chance.normal(0, 0.04 / math.sqrt(2000), (400, 2000)), axis=1)
    path = np.concatenate([np.zeros((400, 1)), path], axis=1)
    prices = np.exp(path)
    axis = DayAxis(
        number=np.arange(400),
        place=np.arange(400),
        open=prices[:, 0],
        high=prices.max(axis=1),
        low=prices.min(axis=1),
        close=prices[:, -1],
        volume=np.ones(400),
        observed=np.ones(400, dtype=bool),
    )
    assert math.sqrt(garman_klass_variance(axis).mean()) == pytest.approx(0.04, rel=0.08)


def test_wicks_flat_days_and_holes_do_not_move_the_tamed_range_far(simulated_grid, broken_grid):
    clean = tamed_log_range(DayAxis.of(simulated_grid))
    broken = tamed_log_range(DayAxis.of(broken_grid))
    assert np.isnan(clean[:21]).all()
    assert np.isfinite(clean[21:]).all()
    assert np.isnan(broken[600:630]).all()
    assert np.isfinite(broken[300:304]).all()
    typical = np.nanmedian(broken[360:420])
    assert broken[420] <= typical + 3.3


def test_the_range_ahead_sums_the_variances_of_the_days_after(simulated_grid):
    days = DayAxis.of(simulated_grid)
    log_range = tamed_log_range(days)
    ahead = log_range_ahead(days, log_range)
    for horizon in (1, 4, 7):
        expected = 0.5 * math.log(sum(math.exp(2 * log_range[100 + step]) for step in range(1, horizon + 1)))
        assert ahead[100, horizon - 1] == pytest.approx(expected)
        assert np.isnan(ahead[-horizon:, horizon - 1]).all()
