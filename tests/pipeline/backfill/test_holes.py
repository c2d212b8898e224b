"""The calendar's answer beside what the models themselves refuse."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.backfill.holes import days_after_holes
from pipeline.candles.columns import DATE, FILLED
from pipeline.candles.grid import daily_grid
from pipeline.features.day_axis import day_number
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.fitting import fit
from pipeline.models.lstm.network import network_inputs, scaled_windows
from pipeline.models.registry import BASELINES
from pipeline.simulation import simulate_candles

FIRST = date(2022, 1, 1)
SETTLED = FIRST + timedelta(days=400)
HOLE = FIRST + timedelta(days=500)


def refused(candles: pd.DataFrame, lookback: int) -> set[int]:
    """Days that have a candle and for which a baseline or a network's window gives no number."""
    grid = FeatureGrid.of(daily_grid(candles))
    days, rows = grid.days, grid.days.place[~grid.table[FILLED].to_numpy()]
    models = [fit(recipe, grid, as_of=SETTLED, seed=1).learned_ for recipe in BASELINES]
    whole = np.all([np.isfinite(one.quantiles(grid, rows)).all(axis=(1, 2)) for one in models], axis=0)
    if lookback:
        seen = scaled_windows(network_inputs(grid.features), np.zeros(16), np.ones(16), lookback=lookback)
        whole &= np.isfinite(seen[rows]).all(axis=(1, 2))
    return {int(number) for number in days.number[rows[~whole]]}


@pytest.mark.slow
@pytest.mark.parametrize("lookback", [0, 5, 22])
@pytest.mark.parametrize("lengths", [(12,), (13,), (20,), (50,), (70,), (13, 13), (12, 30)])
def test_a_day_is_too_soon_after_a_hole_where_a_model_says_nothing(
    lengths: tuple[int, ...], lookback: int
) -> None:
    candles = simulate_candles(seed=12, first=FIRST, last=FIRST + timedelta(days=1000), price=20_000.0)
    for number, length in enumerate(lengths):
        start = pd.Timestamp(HOLE + timedelta(days=60 * number))
        candles = candles[(candles[DATE] < start) | (candles[DATE] >= start + timedelta(days=length))]
    days = [day_number(day.date()) for day in candles[DATE]]
    said = days_after_holes(days, lookback=lookback)
    settled = day_number(SETTLED)
    assert {day for day in said if day > settled} == {
        day for day in refused(candles.reset_index(drop=True), lookback) if day > settled
    }
    assert bool({day for day in said if day > settled}) == (max(lengths) > 12)


def test_no_candles_have_no_hole() -> None:
    assert days_after_holes([], lookback=5) == frozenset()
