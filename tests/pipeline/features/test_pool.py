"""Several series beside each other: one order, one cut, and the mean of their scaled returns."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.candles import daily_grid
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.simulation import simulate_candles

LATER, LAST = date(2022, 6, 1), date(2024, 3, 31)


@pytest.fixture(scope="module")
def members(simulated: FeatureGrid) -> dict[str, FeatureGrid]:
    """One begins half a year later and ends three months earlier."""
    other = simulate_candles(seed=12, first=LATER, last=LAST, price=100.0)
    return {"b": simulated, "a": FeatureGrid.of(daily_grid(other))}


def test_the_market_s_return_is_the_mean_of_those_that_have_one(members: dict[str, FeatureGrid]) -> None:
    days = members["b"].days.number
    columns = {
        name: pd.Series(one.features.scaled_return, index=one.days.number).reindex(days)
        for name, one in members.items()
    }
    expected = pd.DataFrame(columns).mean(axis=1)
    assert expected.isna().any()
    assert Pool.of(members).scaled_return(days) == pytest.approx(expected.to_numpy(), nan_ok=True)


def test_its_order_is_that_of_the_names(members: dict[str, FeatureGrid]) -> None:
    turned = Pool.of(dict(reversed(members.items())))
    assert list(turned.members) == list(Pool.of(members).members) == ["a", "b"]


def test_a_cut_is_one_object_and_holds_no_later_row(members: dict[str, FeatureGrid]) -> None:
    pool, as_of = Pool.of(members), date(2023, 5, 5)
    cut = pool.grid("b").until(as_of).pool
    assert cut is pool.until(as_of) is pool.grid("a").until(as_of).pool
    assert [one.last_day for one in cut.members.values()] == [as_of, as_of]
    assert np.array_equal(cut.members["a"].features.scaled_return, members["a"].until(as_of).features.scaled_return,
                          equal_nan=True)  # fmt: skip
    assert pool.until(members["b"].last_day) is pool


def test_a_series_that_begins_later_is_no_member_yet(members: dict[str, FeatureGrid]) -> None:
    pool = Pool.of(members)
    assert list(pool.until(LATER - timedelta(days=1)).members) == ["b"]
    assert list(pool.until(LATER).members) == ["a", "b"]


def test_the_last_day_of_its_own_does_not_leave_the_others_later(members: dict[str, FeatureGrid]) -> None:
    """A grid that ends before the others is cut with them all the same."""
    own = Pool.of(members).grid("a")
    assert {one.last_day for one in own.until(LAST).pool.members.values()} == {LAST}


def test_one_member_has_no_pool(simulated: FeatureGrid) -> None:
    assert Pool.of({"a": simulated}).grid("a").pool is None
