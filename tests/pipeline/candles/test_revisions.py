import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.candles import read_candles
from pipeline.candles.columns import CANDLE_COLUMNS, CLOSE, DATE, HIGH, TRADES, VOLUME_BASE
from pipeline.candles.revisions import Revisions, compare_candles, touched, touched_models
from pipeline.series import Series

FIRST = datetime(2026, 3, 1)
FIELDS = [name for name in CANDLE_COLUMNS if name != DATE]


def ramp(days: int, *, step: timedelta = timedelta(days=1)) -> pd.DataFrame:
    """Candle n has the figures n + 1, n + 1.1, n + 1.2 …"""
    figures = {name: np.arange(1.0, days + 1) + place / 10 for place, name in enumerate(FIELDS)}
    dates = pd.DatetimeIndex([FIRST + number * step for number in range(days)]).as_unit("us")
    return pd.DataFrame({DATE: dates, **figures})


def day(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def without(table: pd.DataFrame, *numbers: int) -> pd.DataFrame:
    return table.drop(index=list(numbers)).reset_index(drop=True)


def restated(table: pd.DataFrame, number: int, name: str, value: float) -> pd.DataFrame:
    result = table.copy()
    result.loc[number, name] = value
    return result


def test_the_same_table_has_no_revisions() -> None:
    found = compare_candles(ramp(5), ramp(5))
    assert (found.new, found.filled, found.vanished, len(found.restated)) == ((), (), (), 0)
    assert not found.is_history_changed
    assert found.summary == "Nothing changed."


def test_days_are_new_filled_or_vanished() -> None:
    old, new = without(ramp(6), 0, 2), without(ramp(8), 4)
    found = compare_candles(old, new)
    assert found.new == (day(6), day(7))
    assert found.filled == (day(0), day(2))
    assert found.vanished == (day(4),)
    assert found.is_history_changed
    assert found.summary == (
        "2 new days (2026-03-07 to 2026-03-08); 2 filled days (2026-03-01 to 2026-03-03); "
        "1 vanished day (2026-03-05)."
    )


def test_new_days_alone_are_no_change_of_history() -> None:
    found = compare_candles(ramp(5), ramp(6))
    assert not found.is_history_changed
    assert found.summary == "1 new day (2026-03-06)."


def test_a_restated_figure_is_told_with_both_values_and_its_change() -> None:
    close = 3.0 + FIELDS.index(CLOSE) / 10
    found = compare_candles(ramp(5), restated(ramp(5), 2, CLOSE, close * 1.25))
    assert found.restated.to_dict(orient="records") == [
        {
            "date": pd.Timestamp(day(2)),
            "field": CLOSE,
            "old": close,
            "new": close * 1.25,
            "relative_change": 0.25,
        }
    ]
    assert found.restated_days == (day(2),)
    assert found.summary == "1 figure of 1 day restated, close by up to +25 % (2026-03-03)."


def test_the_largest_change_told_is_the_closes_before_any_other() -> None:
    new = restated(restated(restated(ramp(5), 1, VOLUME_BASE, 99.0), 2, HIGH, 4.0), 3, CLOSE, 4.0)
    assert "close by up to -6.98 % (2026-03-04)" in compare_candles(ramp(5), new).summary
    new = restated(restated(ramp(5), 1, VOLUME_BASE, 99.0), 2, HIGH, 4.0)
    assert "high by up to +29 % (2026-03-03)" in compare_candles(ramp(5), new).summary


@pytest.mark.parametrize(("old", "new"), [(1.0, np.nan), (np.nan, 1.0), (np.nan, np.nan), (0.0, 0.0)])
def test_what_only_one_file_tells_is_no_restatement(old: float, new: float) -> None:
    found = compare_candles(restated(ramp(3), 1, TRADES, old), restated(ramp(3), 1, TRADES, new))
    assert found.summary == "Nothing changed."


def test_a_figure_written_with_more_digits_is_the_same() -> None:
    old, new = restated(ramp(3), 1, CLOSE, 11761.0), restated(ramp(3), 1, CLOSE, 11761.000000000002)
    assert compare_candles(old, new).summary == "Nothing changed."


def test_from_zero_there_is_no_relative_change() -> None:
    found = compare_candles(restated(ramp(3), 1, VOLUME_BASE, 0.0), ramp(3))
    assert found.restated["relative_change"].isna().tolist() == [True]
    assert found.summary == "1 figure of 1 day restated."
    assert found.as_dict()["restated"][0]["relative_change"] is None


def test_hours_are_named_with_their_hour() -> None:
    hour = timedelta(hours=1)
    assert compare_candles(ramp(2, step=hour), ramp(3, step=hour)).summary == "1 new hour (2026-03-01T02:00)."
    assert compare_candles(ramp(1, step=hour), ramp(2, step=hour)).as_dict()["new"] == ["2026-03-01T01:00"]


def test_everything_of_an_empty_table_is_new() -> None:
    assert compare_candles(ramp(0), ramp(2)).new == (day(0), day(1))
    assert compare_candles(ramp(2), ramp(0)).vanished == (day(0), day(1))


def test_arguments_stay_as_they_are() -> None:
    old, new = ramp(4), restated(ramp(5), 1, CLOSE, 9.0)
    compare_candles(old, new)
    pd.testing.assert_frame_equal(old, ramp(4))
    pd.testing.assert_frame_equal(new, restated(ramp(5), 1, CLOSE, 9.0))


figures = st.sampled_from([0.0, 1.0, 2.5, np.nan])
files = st.dictionaries(st.integers(0, 8), st.tuples(*[figures] * len(FIELDS)), min_size=1, max_size=8)


def table_of(file: dict[int, tuple[float, ...]]) -> pd.DataFrame:
    dates = pd.DatetimeIndex([day(number) for number in sorted(file)]).as_unit("us")
    rows = np.array([file[number] for number in sorted(file)])
    return pd.DataFrame({DATE: dates, **{name: rows[:, place] for place, name in enumerate(FIELDS)}})


@settings(max_examples=40)
@given(files, files)
def test_a_naive_comparison_finds_the_same(
    old: dict[int, tuple[float, ...]], new: dict[int, tuple[float, ...]]
) -> None:
    found = compare_candles(table_of(old), table_of(new))
    came, last = set(new) - set(old), max(old)
    assert set(found.new) == {day(number) for number in came if number > last}
    assert set(found.filled) == {day(number) for number in came if number < last}
    assert set(found.vanished) == {day(number) for number in set(old) - set(new)}
    expected = {
        (pd.Timestamp(day(number)), name, before, after)
        for number in set(old) & set(new)
        for name, before, after in zip(FIELDS, old[number], new[number], strict=True)
        if not np.isnan(before) and not np.isnan(after) and before != after
    }
    columns = ["date", "field", "old", "new"]
    assert {tuple(row) for row in found.restated[columns].itertuples(index=False)} == expected
    assert len(found.restated) == len(expected)
    json.dumps(found.as_dict(), allow_nan=False)
    assert len(found.summary) < 300


def forecasts(*rows: tuple[int, int]) -> pd.DataFrame:
    """Forecasts by the number of their as_of and their horizon."""
    return pd.DataFrame(
        {
            "as_of": pd.DatetimeIndex([day(number) for number, _ in rows]).as_unit("us"),
            "target_date": pd.DatetimeIndex([day(number + horizon) for number, horizon in rows]).as_unit(
                "us"
            ),
            "model_id": "coincast-range_lstm",
            "model_version": [str(number) for number, _ in rows],
        }
    )


def close_of(number: int) -> Revisions:
    return compare_candles(ramp(40), restated(ramp(40), number, CLOSE, 9.0))


def test_a_forecast_is_touched_by_its_inputs_and_its_target() -> None:
    made = forecasts((8, 1), (9, 1), (10, 1), (12, 1), (13, 1))
    found = touched(close_of(10), made, window_days=2)
    assert found["as_of"].tolist() == [pd.Timestamp(day(number)) for number in (9, 10, 12)]
    assert found["input_changed"].tolist() == [False, True, True]
    assert found["target_changed"].tolist() == [True, False, False]


def test_a_target_is_touched_by_its_close_alone_an_input_by_any_figure() -> None:
    revisions = compare_candles(ramp(40), restated(ramp(40), 10, HIGH, 99.0))
    found = touched(revisions, forecasts((9, 1), (10, 1)), window_days=2)
    assert found["as_of"].tolist() == [pd.Timestamp(day(10))]


def test_a_day_that_is_filled_or_vanished_touches_too() -> None:
    made = forecasts((9, 1), (11, 1), (30, 1))
    for old, new in ((without(ramp(40), 10), ramp(40)), (ramp(40), without(ramp(40), 10))):
        found = touched(compare_candles(old, new), made, window_days=5)
        assert found["target_changed"].tolist() == [True, False]
        assert found["input_changed"].tolist() == [False, True]


def test_new_days_touch_nothing() -> None:
    revisions = compare_candles(ramp(10), ramp(12))
    assert touched(revisions, forecasts((9, 1), (9, 2))).empty
    assert touched(close_of(10), forecasts()).empty


@settings(max_examples=40)
@given(st.sets(st.integers(0, 39), max_size=6), st.lists(st.integers(0, 45), max_size=12), st.integers(0, 20))
def test_a_naive_search_finds_the_same_inputs(changed: set[int], as_ofs: list[int], window_days: int) -> None:
    new = ramp(40)
    new.loc[list(changed), VOLUME_BASE] += 1.0
    found = touched(
        compare_candles(ramp(40), new), forecasts(*((one, 1) for one in as_ofs)), window_days=window_days
    )
    expected = [one for one in as_ofs if any(one - window_days <= number <= one for number in changed)]
    assert found["as_of"].tolist() == [pd.Timestamp(day(one)) for one in expected]


def test_models_are_touched_when_they_were_fitted_to_the_day_or_later() -> None:
    made = pd.concat([forecasts((9, 1), (10, 1), (11, 1)), forecasts((12, 1)).assign(model_version="-")])
    assert touched_models(close_of(10), made) == ("coincast-range_lstm 10", "coincast-range_lstm 11")
    assert touched_models(close_of(10), forecasts()) == ()
    assert touched_models(compare_candles(ramp(3), ramp(4)), made) == ()


def test_two_real_vintages(market: Path) -> None:
    series = Series.parse("binance/BTCUSDT/1d")
    old, new = (
        read_candles((market / "cdd" / f"binance_BTCUSDT_d__{day}.csv").read_bytes(), series=series).candles
        for day in ("2025-05-01", "2026-03-30")
    )
    found = compare_candles(old, new)
    assert found.vanished == ()
    assert len(found.restated) == 0
    assert {f"{one:%Y-%m}" for one in found.filled} == {"2025-04"}
    assert len(found.filled) == 10
