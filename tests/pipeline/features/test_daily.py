"""Every feature is a causal, short-lived function of the candles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.features.daily import build_features
from pipeline.features.day_axis import DayAxis

# What a served model receives; no feature may reach further back.
MEMORY_DAYS = 400


def of(grid):
    return build_features(DayAxis.of(grid))


@given(end=st.integers(MEMORY_DAYS, 912))
@settings(max_examples=25)
def test_the_last_400_days_give_the_same_bits_as_the_whole_file(end, simulated_grid):
    whole, recent = of(simulated_grid.iloc[:end]), of(simulated_grid.iloc[end - MEMORY_DAYS : end])
    for field, values in vars(recent).items():
        assert np.array_equal(values[-22:], getattr(whole, field)[-22:], equal_nan=True), field


@given(scale=st.floats(1e-9, 1e9), volume=st.floats(1e-6, 1e6))
@settings(max_examples=25)
@pytest.mark.slow
def test_the_unit_of_price_and_volume_does_not_matter(scale, volume, simulated_grid):
    grid = simulated_grid.iloc[:400]
    other = grid.assign(
        **{name: grid[name] * scale for name in ("open", "high", "low", "close")},
        volume_base=grid["volume_base"] * volume,
    )
    for field, values in vars(of(grid)).items():
        assert getattr(of(other), field) == pytest.approx(values, rel=1e-6, abs=1e-6, nan_ok=True), field


def test_features_survive_what_files_have(broken_grid):
    features = of(broken_grid)
    whole = np.isfinite(np.column_stack([v.reshape(len(v), -1) for v in vars(features).values()])).all(axis=1)
    assert whole[100:600].all()
    assert not whole[600:650].any()
    assert whole[680:].all()


def test_a_file_without_volume_has_a_neutral_volume_feature(simulated_grid):
    assert (of(simulated_grid.assign(volume_base=np.nan)).volume == 0).all()


def test_a_quiet_weekend_becomes_a_habit(simulated_grid):
    grid = simulated_grid.copy()
    quiet = grid["date"].dt.day_of_week == 6
    middle = np.sqrt(grid["high"] * grid["low"])
    for name in ("open", "high", "low", "close"):
        grid.loc[quiet, name] = middle[quiet] * (grid.loc[quiet, name] / middle[quiet]) ** 0.2
    features = of(grid)
    ahead_is_sunday = features.next_weekday == 6
    habits = features.weekday_habit[250:]
    assert habits[ahead_is_sunday[250:]].max() < habits[~ahead_is_sunday[250:]].min()
