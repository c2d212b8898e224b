from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.anomalies import jumps, long_wicks, missing_dates, standstills, thin_newest
from pipeline.simulation import simulate_candles

DAY = timedelta(days=1)


@pytest.fixture
def candles() -> pd.DataFrame:
    return simulate_candles(seed=3, first=date(2023, 1, 1), last=date(2024, 12, 31), price=100.0)


def days(candles: pd.DataFrame, mask: np.ndarray) -> list[str]:
    return [str(day.date()) for day in candles["date"][mask]]


@settings(max_examples=50)
@given(st.sets(st.integers(0, 60), min_size=1), st.randoms())
def test_missing_dates_are_those_between_first_and_last(present: set[int], chance) -> None:
    offsets = list(present)
    chance.shuffle(offsets)
    table = pd.DataFrame({"date": pd.to_datetime("2024-01-01") + pd.to_timedelta(offsets, unit="D")})
    expected = [k for k in range(min(present), max(present)) if k not in present]
    found = missing_dates(table, step=DAY)
    assert [(day - pd.Timestamp("2024-01-01")).days for day in found] == expected


def test_missing_hours_are_found_too() -> None:
    hours = pd.date_range("2024-01-01", periods=48, freq="h").delete([5, 6])
    assert list(missing_dates(pd.DataFrame({"date": hours}), step=timedelta(hours=1)).hour) == [5, 6]


def test_an_empty_table_misses_nothing() -> None:
    assert missing_dates(pd.DataFrame({"date": pd.to_datetime([])}), step=DAY).empty


def test_a_wrong_price_jumps_twice(candles: pd.DataFrame) -> None:
    assert days(candles, jumps(candles, deviations=12, floor=0.1)) == []
    candles.loc[100, "close"] *= 2
    assert days(candles, jumps(candles, deviations=12, floor=0.1)) == ["2023-04-11", "2023-04-12"]


def test_the_bound_of_a_jump_is_the_median_rule(candles: pd.DataFrame) -> None:
    returns = [np.log(b / a) for a, b in zip(candles["close"], candles["close"][1:], strict=False)]
    middle = sorted(returns)[len(returns) // 2]
    spread = 1.4826 * sorted(abs(r - middle) for r in returns)[len(returns) // 2]
    expected = [False] + [abs(r) > 3 * spread for r in returns]
    assert list(jumps(candles, deviations=3, floor=0.0)) == expected


def test_a_move_over_a_hole_is_held_against_its_length(candles: pd.DataFrame) -> None:
    # Log moves of 0.05 a day, up and down, then 0.55 over a hole of nine days: 0.18 a root day.
    closes = 100 * np.exp(0.05 * (np.arange(len(candles)) % 2))
    table = candles.assign(close=closes).drop(index=range(300, 308)).reset_index(drop=True)
    table.loc[300:, "close"] *= np.exp(0.55)
    assert jumps(table, deviations=0, floor=0.15)[300]
    assert not jumps(table, deviations=0, floor=0.22)[300]


def test_the_bound_is_of_one_candle_whatever_its_length(candles: pd.DataFrame) -> None:
    hourly = candles.assign(date=pd.date_range("2024-01-01", periods=len(candles), freq="h"))
    daily = jumps(candles, deviations=3, floor=0.01)
    assert daily.any()
    assert list(jumps(hourly, deviations=3, floor=0.01)) == list(daily)


def test_a_calm_market_is_held_against_the_floor(candles: pd.DataFrame) -> None:
    candles["close"] = 1.0
    candles.loc[50:, "close"] = 1.05
    assert not jumps(candles, deviations=12, floor=0.1).any()
    candles.loc[50:, "close"] = 1.2
    assert jumps(candles, deviations=12, floor=0.1).sum() == 1


def test_absurd_highs_and_lows_are_long_wicks(candles: pd.DataFrame) -> None:
    assert days(candles, long_wicks(candles, multiple=20, floor=0.2)) == []
    candles.loc[10, "low"] = 0.06
    candles.loc[20, "high"] = 10_000_000.0
    assert days(candles, long_wicks(candles, multiple=20, floor=0.2)) == ["2023-01-11", "2023-01-21"]


def test_runs_without_range_or_volume_are_standstills(candles: pd.DataFrame) -> None:
    flat = ["open", "high", "low", "close"]
    candles.loc[30, flat] = 100.0
    candles.loc[40:42, flat] = 100.0
    candles.loc[50:51, "volume_base"] = 0.0
    assert days(candles, standstills(candles, at_least=2)) == [
        "2023-02-10", "2023-02-11", "2023-02-12", "2023-02-20", "2023-02-21",
    ]  # fmt: skip
    assert standstills(candles, at_least=3).sum() == 3
    candles.loc[len(candles) - 1, flat] = 100.0
    assert days(candles, standstills(candles, at_least=4)) == ["2024-12-31"]


def test_unknown_volumes_are_not_a_standstill(candles: pd.DataFrame) -> None:
    candles["volume_base"] = np.nan
    assert not standstills(candles, at_least=1).any()
    assert not thin_newest(candles, share=0.05, over=30).any()


def test_a_thin_newest_candle_is_seen(candles: pd.DataFrame) -> None:
    assert not thin_newest(candles, share=0.05, over=30).any()
    usual = sorted(candles["volume_base"].iloc[-31:-1])
    candles.loc[len(candles) - 1, "volume_base"] = 0.04 * usual[14]
    assert days(candles, thin_newest(candles, share=0.05, over=30)) == ["2024-12-31"]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(*[st.sampled_from([np.nan, -1.0, 0.0, 1.0, 2.0, np.inf])] * 5), min_size=0, max_size=40
    )
)
def test_no_table_breaks_a_rule(values: list[tuple[float, ...]]) -> None:
    columns = ["open", "high", "low", "close", "volume_base"]
    table = pd.DataFrame(values, columns=columns, dtype=float)
    table["date"] = pd.date_range("2024-01-01", periods=len(table), freq="D", unit="us")
    for mask in (
        jumps(table, deviations=12, floor=0.1),
        long_wicks(table, multiple=20, floor=0.2),
        standstills(table, at_least=2),
        thin_newest(table, share=0.05, over=3),
    ):
        assert mask.dtype == bool
        assert mask.shape == (len(table),)
