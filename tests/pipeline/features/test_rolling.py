"""Rolling statistics against pandas, and their bits against position and company."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.features.rolling import lagged, lagged_sum, rolling_mean, rolling_median


def sample(rows: int, *, missing: float = 0.1) -> np.ndarray:
    chance = np.random.default_rng(rows)
    values = chance.normal(size=rows)
    values[chance.random(rows) < missing] = np.nan
    return values


@pytest.mark.parametrize(("length", "fewest"), [(1, 1), (5, 5), (22, 10), (66, 22)])
def test_means_and_medians_are_those_of_pandas(length, fewest):
    values = sample(150)
    rolling = pd.Series(values).rolling(length, min_periods=fewest)
    assert rolling_mean(values, length, fewest=fewest) == pytest.approx(rolling.mean(), nan_ok=True)
    assert rolling_median(values, length, fewest=fewest) == pytest.approx(rolling.median(), nan_ok=True)


def test_a_mean_of_all_is_nan_where_one_is_missing():
    assert np.isnan(rolling_mean(np.array([1.0, np.nan, 3.0, 5.0]), 2)).tolist() == [True, True, True, False]


def test_lagged_values_move_down_and_sums_take_them_at_their_lags():
    values = np.array([1.0, 2.0, np.nan, 4.0])
    assert lagged(values, 1)[1:].tolist()[:2] == [1.0, 2.0]
    assert np.isnan(lagged(values, 9)).all()
    total, count = lagged_sum(values, range(1, 4, 2))
    assert total.tolist() == [0.0, 1.0, 2.0, 1.0]
    assert count.tolist() == [0, 1, 1, 1]


@given(rows=st.integers(1, 120), before=st.integers(0, 80), after=st.integers(0, 40))
@settings(max_examples=60)
def test_the_bits_depend_on_the_window_alone(rows, before, after):
    length = 30
    middle = sample(length + rows)
    whole = np.concatenate([sample(before), middle, sample(after)])
    for statistic in (rolling_mean, rolling_median):
        alone = statistic(middle, length, fewest=5)[length:]
        within = statistic(whole, length, fewest=5)[before + length : before + length + rows]
        assert np.array_equal(alone, within, equal_nan=True)
