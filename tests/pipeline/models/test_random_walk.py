"""The random walk as the design defines it."""

import numpy as np
import pytest

from pipeline.features.day_axis import DayAxis
from pipeline.forecasts.quantiles import LEVELS
from pipeline.models.random_walk import random_walk_quantiles


def naive(grid, as_of, horizon):
    closes = {
        day: close
        for day, close, filled in zip(grid["date"], grid["close"], grid["filled"], strict=True)
        if not filled
    }
    step = np.timedelta64(1, "D")
    returns = [
        np.log(closes[day] / closes[day - horizon * step])
        for day in (as_of - back * step for back in range(365))
        if day in closes and day - horizon * step in closes
    ]
    return np.quantile(returns, LEVELS) if len(returns) >= 300 else np.full(23, np.nan)


@pytest.mark.parametrize("name", ["simulated_grid", "broken_grid"])
@pytest.mark.parametrize("row", [310, 450, 580, 800])
def test_the_quantiles_are_those_of_a_naive_loop(name, row, request):
    grid = request.getfixturevalue(name)
    days = DayAxis.of(grid)
    found = random_walk_quantiles(days, days.place[[row]])[0]
    for horizon in (1, 3, 7):
        expected = naive(grid, grid["date"].iloc[row], horizon)
        assert found[horizon - 1] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_there_is_no_forecast_from_fewer_than_300_returns(simulated_grid):
    days = DayAxis.of(simulated_grid)
    quantiles = random_walk_quantiles(days, np.array([299, 300, 306]))
    assert np.isnan(quantiles[0]).all()
    assert np.isfinite(quantiles[1, 0]).all()
    assert np.isnan(quantiles[1, 1:]).all()
    assert np.isfinite(quantiles[2]).all()
