import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.candles import daily_grid
from pipeline.candles.columns import GRID_COLUMNS
from pipeline.candles.grid import missing_bars


def without(bars: pd.DataFrame, *days: int) -> pd.DataFrame:
    return bars.drop(index=list(days)).reset_index(drop=True)


def test_a_whole_table_is_its_own_grid(bars):
    grid = daily_grid(bars)
    assert list(grid.columns) == list(GRID_COLUMNS)
    pd.testing.assert_frame_equal(grid[list(bars.columns)], bars)
    assert not grid["filled"].any()
    assert (grid["segment"] == 0).all()


def test_a_hole_repeats_the_last_close_without_volume(bars):
    grid = daily_grid(without(bars, 10, 11))
    hole = grid.loc[10:11]
    assert hole["date"].tolist() == bars["date"][10:12].tolist()
    assert (hole[["open", "high", "low", "close"]] == bars["close"][9]).all(axis=None)
    assert (hole[["volume_base", "volume_quote", "trades"]] == 0).all(axis=None)
    assert hole["filled"].all()
    assert grid["filled"].sum() == 2
    assert (grid["segment"] == 0).all()


@pytest.mark.parametrize(("length", "kept"), [(12, True), (13, False)])
def test_a_long_hole_breaks_the_table(bars, length, kept):
    grid = daily_grid(without(bars, *range(20, 20 + length)))
    assert len(grid) == (90 if kept else 90 - length)
    assert grid["segment"].tolist() == ([0] * 90 if kept else [0] * 20 + [1] * (70 - length))


def test_no_candle_or_one(bars):
    assert len(daily_grid(bars[:0])) == 0
    assert daily_grid(bars[:1])["segment"].tolist() == [0]


def test_hours_are_refused(bars):
    with pytest.raises(ValueError, match="resample_daily"):
        daily_grid(bars.assign(date=pd.date_range("2020-01-01", periods=90, freq="h")))


def test_arguments_are_not_changed(bars):
    holed = without(bars, 10)
    before = holed.copy()
    daily_grid(holed)
    pd.testing.assert_frame_equal(holed, before)


def naive_grid(candles: pd.DataFrame, max_fill: int) -> list[tuple[pd.Timestamp, float, bool, int]]:
    """Day by day, as a person would."""
    rows, segment, last = [], 0, None
    for bar in candles.itertuples():
        if last is not None:
            hole = (bar.date - last.date).days - 1
            if hole > max_fill:
                segment += 1
            else:
                rows += [
                    (last.date + pd.Timedelta(days=day), last.close, True, segment)
                    for day in range(1, hole + 1)
                ]
        rows.append((bar.date, bar.close, False, segment))
        last = bar
    return rows


@settings(max_examples=60)
@given(days=st.sets(st.integers(0, 89), min_size=1), max_fill=st.integers(0, 20))
def test_grid_by_a_naive_loop(bars, days, max_fill):
    candles = bars.iloc[sorted(days)].reset_index(drop=True)
    grid = daily_grid(candles, max_fill=max_fill)
    found = grid[["date", "close", "filled", "segment"]].itertuples(index=False, name=None)
    assert list(found) == naive_grid(candles, max_fill)


@settings(max_examples=40)
@given(days=st.sets(st.integers(0, 60), min_size=2), until=st.integers(1, 60))
def test_a_row_never_depends_on_later_ones(bars, days, until):
    candles = bars.iloc[sorted(days)].reset_index(drop=True)
    whole, cut = daily_grid(candles), daily_grid(candles[candles.index < until])
    pd.testing.assert_frame_equal(whole[: len(cut)], cut)


@given(st.sets(st.integers(-50, 50), min_size=1))
def test_missing_bars_by_sets(bars_told):
    ordered = np.array(sorted(bars_told), dtype=np.int64) * 7
    expected = sorted(set(range(int(ordered[0]), int(ordered[-1]), 7)) - set(ordered.tolist()))
    assert missing_bars(ordered, 7).tolist() == expected
