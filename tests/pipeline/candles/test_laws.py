"""What holds for every file, whatever it holds: hypothesis looks for a file where it does not."""

import random
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pipeline.candles import candles_csv, read_candles
from pipeline.candles.columns import CANDLE_COLUMNS
from pipeline.errors import CandleFileError

pytestmark = pytest.mark.slow

FIRST = pd.Timestamp("2019-03-01")
PRICES = st.floats(min_value=1e-9, max_value=1e9, allow_nan=False)
AMOUNTS = st.one_of(st.just(np.nan), st.floats(min_value=0, max_value=1e15, allow_nan=False))


@st.composite
def candle_tables(draw: st.DrawFn, *, frequency: str) -> pd.DataFrame:
    """Any candle table: holes, wicks, flat bars, unknown volumes."""
    places = sorted(draw(st.sets(st.integers(0, 60), min_size=6, max_size=30)))
    dates = pd.date_range(FIRST, periods=61, freq=frequency, unit="us")[
        [0, 1, 2, *(place for place in places if place > 2)]
    ]
    rows = []
    for day in dates:
        ordered = sorted(draw(st.tuples(PRICES, PRICES, PRICES, PRICES)))
        opening, close = draw(st.permutations(ordered[1:3]))
        amounts = draw(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS))
        rows.append((day, opening, ordered[3], ordered[0], close, *amounts))
    table = pd.DataFrame(rows, columns=list(CANDLE_COLUMNS))
    return table.astype(dict.fromkeys(CANDLE_COLUMNS[1:], np.float64) | {"date": "datetime64[us]"})


@settings(max_examples=40)
@given(candle_tables(frequency="D"))
def test_reading_what_was_written_is_the_identity(candles):
    assert_frame_equal(read_candles(candles_csv(candles)).candles, candles)


@settings(max_examples=20)
@given(candle_tables(frequency="h"))
def test_reading_written_hours_is_the_identity(candles):
    reading = read_candles(candles_csv(candles))
    assert_frame_equal(reading.candles, candles)
    assert reading.account.series.timeframe == "1h"


@st.composite
def vendor_files(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A header and rows with what real files have: joined forms, duplicates, gaps, overlaps, zeros, swaps."""
    days = draw(st.integers(5, 40))
    chance = random.Random(draw(st.integers(0, 2**32)))
    rows = [
        _row(chance, FIRST + pd.Timedelta(days=day))
        for day in range(days)
        for _ in range(chance.choice([0, 1, 1, 1, 1, 1, 2, 3]))
    ]
    rows += [_row(chance, FIRST), _row(chance, FIRST + pd.Timedelta(days=1))]
    return "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount", rows


def _row(chance: random.Random, day: pd.Timestamp) -> str:
    moment = day + pd.Timedelta(
        hours=chance.choice([0, 0, 0, 0, 4, 13]), seconds=chance.choice([0, 0, 0, 0, 1104])
    )
    seconds = int(moment.timestamp())
    unix = chance.choice([f"{seconds}000", f"{seconds}000", str(seconds), f"{seconds}.0", "1.55E+12"])
    written = moment.strftime(chance.choice(["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]))
    price = chance.choice([0.0, 0.97, 100.0, 101.5, 99.0])
    high, low = price * chance.choice([1.0, 1.01, 40.0]), price * chance.choice([1.0, 0.99, 1.2])
    base = chance.choice([0.0, 3.0, 5.0, 7.5])
    first, second = chance.sample([base, base * price], 2)
    trades = chance.choice(["NULL", "12"])
    return f"{unix},{written},BTCUSDT,{price},{high},{low},{price},{first},{second},{trades}"


def outcome(header: str, rows: list[str], **arguments) -> tuple[object, object]:
    """Candles and account, or the refusal."""
    try:
        reading = read_candles("\n".join([header, *rows]).encode(), **arguments)
    except CandleFileError as refusal:
        return None, str(refusal)
    return reading.candles, reading.account


@settings(max_examples=80)
@given(vendor_files())
def test_the_account_balances(file):
    candles, account = outcome(*file)
    if candles is not None:
        assert account.rows_read == len(file[1]) == account.rows_kept + sum(account.dropped.values())
        assert account.rows_kept == len(candles)
        assert candles["date"].is_unique
        assert candles["date"].is_monotonic_increasing
        assert (candles[["open", "high", "low", "close"]] > 0).all(axis=None)


@settings(max_examples=60)
@given(vendor_files(), st.randoms(use_true_random=False))
def test_shuffling_rows_changes_nothing(file, randomness: random.Random):
    header, rows = file
    shuffled = randomness.sample(rows, len(rows))
    candles, account = outcome(header, rows)
    again, account_again = outcome(header, shuffled)
    assert account == account_again
    if candles is not None:
        assert_frame_equal(candles, again)


@settings(max_examples=60)
@given(vendor_files(), st.integers(3, 40))
def test_as_of_is_reading_and_then_cutting(file, days):
    as_of = FIRST.date() + timedelta(days=days)
    candles, _ = outcome(*file)
    cut, account = outcome(*file, as_of=as_of)
    if cut is not None:
        assert_frame_equal(cut, candles[candles["date"] < pd.Timestamp(as_of + timedelta(days=1))])
        assert account.rows_read == len(file[1])


@settings(max_examples=80)
@given(vendor_files(), st.integers(3, 40))
def test_rows_never_mean_something_else_for_rows_after_them(file, days):
    """A file cut at a day gives the candles up to that day; only its newest may be held back, and is told."""
    header, rows = file
    as_of = FIRST.date() + timedelta(days=days)
    until = [row for row in rows if _day(row) <= as_of]
    whole, _ = outcome(header, rows, as_of=as_of)
    cut, account = outcome(header, until)
    if whole is None or cut is None:
        return
    held_back = account.dropped.get("unfinished", 0)
    assert held_back <= 1
    if held_back and len(cut) < len(whole):
        assert any("left out as unfinished" in warning for warning in account.warnings)
        whole = whole[:-1]
    assert_frame_equal(cut[: len(whole)], whole)
    assert len(cut) - len(whole) in (0, 1)


def _day(row: str) -> date:
    return date.fromisoformat(row.split(",")[1][:10])
