"""The ridge's inputs against naive loops over the candles, and as causal as every feature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.features.feature_grid import FeatureGrid
from pipeline.features.ridge_inputs import N_REVERSAL_INPUTS, N_RIDGE_INPUTS, reversal_inputs, ridge_inputs

MEMORY_DAYS = 400


def of(grid):
    return ridge_inputs(grid.days, grid.features)


@given(end=st.integers(MEMORY_DAYS, 912))
@settings(max_examples=25)
def test_the_last_400_days_give_the_same_bits_as_the_whole_file(end, simulated_grid):
    whole = FeatureGrid.of(simulated_grid.iloc[:end])
    recent = FeatureGrid.of(simulated_grid.iloc[end - MEMORY_DAYS : end])
    assert np.array_equal(of(recent)[-22:], of(whole)[-22:])
    assert np.array_equal(
        reversal_inputs(recent.features.scaled_return)[-22:],
        reversal_inputs(whole.features.scaled_return)[-22:],
    )


@pytest.mark.parametrize("place", [420, 604, 911])
def test_each_column_is_that_of_a_naive_loop(place, simulated):
    days, features, found = simulated.days, simulated.features, of(simulated)[place]
    log_range, close = features.log_range, days.log_close
    month = log_range[place - 21 : place + 1].mean()
    for column, span in enumerate((1, 2, 5, 10, 22, 66)):
        expected = log_range[place - span + 1 : place + 1].mean() - features.long_run[place]
        assert found[column] == pytest.approx(expected)
    change = (close[place] - close[place - 1]) / np.exp(month)
    assert found[6:8] == pytest.approx([change, min(change, 0)])
    for column, span in ((8, 5), (9, 22)):
        moved = abs(close[place] - close[place - span]) / (np.sqrt(span) * np.exp(month))
        assert found[column] == pytest.approx(moved)
    assert found[10:12] == pytest.approx(
        [features.volume[place], features.volume[place - 4 : place + 1].mean()]
    )
    low, high = np.log(days.low[place]), np.log(days.high[place])
    assert found[12] == pytest.approx((close[place] - low) / (high - low) - 0.5)
    fall = close[place] - close[place - 65 : place + 1].max()
    assert found[13] == pytest.approx(fall / (np.sqrt(66) * np.exp(month)))
    assert found[14] == features.weekday_habit[place]
    assert found[15:].tolist() == [float(day == features.next_weekday[place]) for day in range(7)]
    returns = features.scaled_return
    expected = [returns[place], returns[place - 4 : place + 1].mean(), min(returns[place], 0)]
    assert reversal_inputs(features.scaled_return)[place] == pytest.approx(expected)


def test_they_survive_what_files_have(broken):
    """Flat days, wicks and days without volume give numbers; a long hole gives none, nor the month after it."""
    inputs = np.column_stack([of(broken), reversal_inputs(broken.features.scaled_return)])
    assert inputs.shape[1] == N_RIDGE_INPUTS + N_REVERSAL_INPUTS
    whole = np.isfinite(inputs).all(axis=1)
    assert whole[100:600].all()
    assert not whole[600:651].any()
    assert whole[660:].all()


def test_the_unit_of_the_price_does_not_matter(simulated_grid):
    grid = simulated_grid.iloc[:450]
    prices = ["open", "high", "low", "close"]
    other = FeatureGrid.of(grid.assign(**{name: grid[name] * 1e-7 for name in prices}))
    assert of(other)[100:] == pytest.approx(of(FeatureGrid.of(grid))[100:], rel=1e-6, abs=1e-6)
