"""What a series lacks for forecasts of every day is said when its file is read, and nothing crashes later."""

from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.candles import daily_grid, read_candles
from pipeline.candles.columns import CANDLE_COLUMNS, PRICES
from pipeline.errors import CandleFileError, TooLittleHistoryError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit

DAYS = 1200


def market(days: int = DAYS, *, frequency: str = "D", seed: int = 5) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.02, days)))
    table = {"date": pd.date_range("2021-01-01", periods=days, freq=frequency), "open": close * 0.999}
    table |= {"high": close * 1.01, "low": close * 0.99, "close": close}
    return pd.DataFrame(table)


def refused(table: pd.DataFrame) -> str:
    try:
        read_candles(table.to_csv(index=False).encode())
    except CandleFileError as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize("holidays", [0, 40])
@pytest.mark.parametrize("frequency", ["D", "h"])
@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ((5, 6), "no bar on any Saturday or Sunday"),
        ((6,), "no bar on any Sunday"),
        ((4, 5), "no bar on any Friday or Saturday"),
        ((0,), "no bar on any Monday"),
    ],
)
def test_days_of_rest_are_named(rest, words, frequency, holidays):
    table = market(2400, frequency=frequency)
    off = np.random.default_rng(1).choice(
        table["date"].dt.normalize().unique(), size=holidays if frequency == "D" else 0
    )
    table = table[~table["date"].dt.day_of_week.isin(rest) & ~table["date"].isin(off)]
    assert words in refused(table)


def test_a_few_stray_sessions_change_nothing():
    table = market()
    weekend = table["date"].dt.day_of_week >= 5
    strays = table.index[weekend][::60]
    assert "hardly a bar on any Saturday or Sunday" in refused(table[~weekend | table.index.isin(strays)])


@pytest.mark.parametrize("weeks", [4, 10])
def test_weekends_show_in_short_files_too(weeks):
    table = market(7 * weeks)
    assert "Saturday or Sunday" in refused(table[table["date"].dt.day_of_week < 5])


@settings(max_examples=30, deadline=None)
@given(st.floats(0.2, 0.6), st.integers(0, 2**32))
def test_sparse_series_are_named(share, seed):
    table = market()[np.random.default_rng(seed).random(DAYS) < share]
    assert "of its days only" in refused(table)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.75, 1.0), st.integers(0, 2**32), st.integers(0, 400))
def test_accidents_are_holes_and_no_habit(share, seed, outage):
    table = market()
    kept = np.random.default_rng(seed).random(DAYS) < share
    kept[300 : 300 + outage] = False
    assert refused(table[kept]) == ""


@pytest.mark.parametrize("every", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("lost", [0, 5])
def test_bars_of_several_days_are_none_of_ours(every, lost):
    table = market()[::every]
    table = table.drop(table.index[np.random.default_rng(2).choice(len(table), size=lost, replace=False)])
    assert f"bars are {every} days apart" in refused(table)


@pytest.mark.parametrize("price", [1.0, 5.0, 0.00001234])
@pytest.mark.parametrize("days", [60, 500])
def test_a_price_that_never_moves_is_refused_for_that(price, days):
    table = market(days).assign(**dict.fromkeys(PRICES, price))
    assert "it never moves" in refused(table)


def test_a_price_that_mostly_stands_still_is_told_as_that_and_not_as_short():
    table = market()
    still = np.arange(DAYS) % 50 != 0
    for price in PRICES:
        table.loc[still, price] = 100.0
    candles = read_candles(table.to_csv(index=False).encode()).candles
    with pytest.raises(TooLittleHistoryError, match="the price stood still on"):
        fit(
            find_recipe("har-range"),
            FeatureGrid.of(daily_grid(candles)),
            as_of=candles["date"].iloc[-1].date(),
            seed=1,
        )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.booleans(), min_size=2, max_size=14).filter(any),
    st.sampled_from(["har-range", "ewma-range", "random-walk"]),
)
def test_no_pattern_of_missing_days_crashes_a_fit(pattern, recipe):
    """Whatever the door lets through, and what it does not: a fit answers or says what is lacking."""
    kept = np.resize(pattern, DAYS)
    kept[0] = True
    candles = market()[kept].reindex(columns=list(CANDLE_COLUMNS)).reset_index(drop=True)
    as_of = candles["date"].iloc[-1].date()
    grid = FeatureGrid.of(daily_grid(candles))
    with suppress(TooLittleHistoryError):
        model = fit(find_recipe(recipe), grid, as_of=as_of, seed=1)
        assert model.log_return_quantiles(grid, np.arange(len(grid.table))).shape[0] == len(grid.table)


class TestDatesThatHaveNotCome:
    def test_after_today_are_told_and_kept(self, bars):
        data = bars[["date", "close"]].to_csv(index=False).encode()
        reading = read_candles(data, now=datetime(2020, 3, 1, 12, tzinfo=UTC))
        assert len(reading.candles) == len(bars)
        assert "29 candles dated after today, 2020-03-01: from 2020-03-02 on." in reading.account.warnings
        later = read_candles(data, now=datetime(2020, 3, 30, 1, tzinfo=UTC)).account.warnings
        assert not any("after today" in warning for warning in later)

    def test_after_the_fetch_are_told_and_left_out(self, bars):
        data = bars[["date", "close"]].to_csv(index=False).encode()
        account = read_candles(data, fetched_at=datetime(2020, 3, 20, 12, tzinfo=UTC)).account
        assert account.dropped == {"in the future": 10, "unfinished": 1}
        assert "10 candles dated after the file was fetched, from 2020-03-21 on." in account.warnings


class TestLoneBars:
    @pytest.mark.parametrize("hour", [1, 4, 13, 23])
    def test_one_off_midnight_is_its_days_bar(self, bars, hour):
        stamped = bars[["date", *PRICES]].copy()
        stamped.loc[[40, 60], "date"] += pd.Timedelta(hours=hour)
        reading = read_candles(stamped.to_csv(index=False, date_format="%Y-%m-%d %H:%M:%S").encode())
        assert reading.candles["date"].tolist() == bars["date"].tolist()
        assert not any("Two series" in warning for warning in reading.account.warnings)

    def test_one_beside_the_days_own_is_no_second_series(self, bars):
        lone = bars[["date", *PRICES]].iloc[40:41].assign(date=pd.Timestamp("2020-02-10 04:00"))
        table = pd.concat([bars[["date", *PRICES]], lone])
        reading = read_candles(table.to_csv(index=False, date_format="%Y-%m-%d %H:%M:%S").encode())
        assert reading.account.dropped == {"overlapping bar": 1}
        assert any("1 bar at an odd time left out" in warning for warning in reading.account.warnings)
