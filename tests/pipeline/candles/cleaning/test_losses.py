"""How much was lost decides: above the bound a file is refused with a cell of each kind, below it losses are told."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.candles import read_candles
from pipeline.candles.cleaning.losses import MOST_LOST
from pipeline.candles.columns import PRICES
from pipeline.errors import CandleFileError

DAYS = 100
# What a cell becomes, and what is said of its row.
DAMAGE = {
    "unparseable": ("open", "6.000.000.7"),
    "contradictory prices": ("high", "1"),
    "negative value": ("low", "-5"),
    "infinite value": ("close", "inf"),
}


def market(days: int = DAYS, *, seed: int = 3) -> pd.DataFrame:
    """A walk of closes about 40,000, each day opening at the close before."""
    chance = np.random.default_rng(seed)
    close = 40_000 * np.exp(np.cumsum(chance.normal(0, 0.02, days)))
    opening = np.append(close[0], close[:-1])
    high, low = np.maximum(opening, close) * 1.01, np.minimum(opening, close) * 0.99
    prices = pd.DataFrame({"open": opening, "high": high, "low": low, "close": close}).round(2)
    return pd.DataFrame({"date": pd.date_range("2021-03-01", periods=days), **prices})


def written(table: pd.DataFrame, cells: dict[int, tuple[str, str]]) -> bytes:
    text = table.assign(date=table["date"].dt.strftime("%Y-%m-%d")).astype(str).astype(object)
    for row, (column, cell) in cells.items():
        text.loc[row, column] = cell
    return text.to_csv(index=False).encode()


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(0, DAYS - 1), max_size=60),
    st.lists(st.sampled_from(sorted(DAMAGE)), min_size=60, max_size=60),
)
def test_the_share_that_is_lost_decides(rows, kinds):
    cells = {row: DAMAGE[kind] for row, kind in zip(sorted(rows), kinds, strict=False)}
    lost = pd.Series(kinds[: len(cells)]).value_counts()
    data = written(market(), cells)
    if len(cells) <= MOST_LOST * DAYS:
        assert read_candles(data).account.dropped == lost.to_dict()
        return
    with pytest.raises(CandleFileError) as refusal:
        read_candles(data)
    for kind, count in lost.items():
        assert f"{count} {kind} (" in str(refusal.value)
        assert DAMAGE[kind][1] in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_two_bad_rows_of_few_are_no_share():
    assert read_candles(b"Date,Close\n2020-01-01,5\nx,6\ny,7\n").account.dropped == {"unparseable": 2}


def test_lines_that_do_not_fit_are_lost_rows_too(bars, vendor_lines, vendor_file):
    rows = vendor_lines(bars)
    rows[:40] = [f"{row},more,and more" for row in rows[:40]]
    with pytest.raises(CandleFileError, match=r"40 unparseable \(line 53, '158"):
        read_candles(vendor_file(rows))


@pytest.mark.parametrize("kind", ["negative value", "infinite value", "contradictory prices"])
def test_many_drops_are_told(kind):
    warnings = read_candles(written(market(), dict.fromkeys(range(40, 45), DAMAGE[kind]))).account.warnings
    assert f"5 rows of 100 (5%) left out: {kind}." in warnings


@pytest.mark.parametrize("cell", ["", "null", "NaN", "0", "-"])
@pytest.mark.parametrize("newest", [1, 5])
def test_newest_rows_without_a_price_are_a_warning(cell, newest):
    table = market()
    cells = dict.fromkeys(range(DAYS - newest, DAYS), ("close", cell))
    reading = read_candles(written(table, cells))
    assert len(reading.candles) == DAYS - newest
    day = str(table["date"].iloc[-newest].date())
    assert any(f"The newest {newest} row" in one and day in one for one in reading.account.warnings)


class TestScale:
    @pytest.mark.parametrize("factor", [1e9, 1e11])
    @pytest.mark.parametrize("days", [5, 100])
    def test_prices_that_no_market_has(self, factor, days):
        table = market(days)
        table[list(PRICES)] *= factor
        with pytest.raises(CandleFileError, match="No market has such prices"):
            read_candles(written(table, {}))

    @pytest.mark.parametrize("factor", [1e-12, 1e-6, 1e6])
    def test_prices_that_some_market_has(self, factor):
        table = market()
        table[list(PRICES)] *= factor
        assert len(read_candles(written(table, {})).candles) == DAYS

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**32), st.sampled_from([10, 100, 1000]), st.floats(0.3, 0.7))
    def test_decimal_signs_that_are_lost_here_and_there(self, seed, factor, share):
        """Closes alone: nothing but their leaps shows it."""
        chance = np.random.default_rng(seed)
        close = market(300)["close"] * np.where(chance.random(300) < share, factor, 1)
        rows = [
            f"{day:%Y-%m-%d},{price:.2f}"
            for day, price in zip(pd.date_range("2020-01-01", periods=300), close, strict=True)
        ]
        with pytest.raises(CandleFileError, match="no market moves like that"):
            read_candles("\n".join(["Date,Close", *rows]).encode())


class TestAHairOutside:
    @settings(max_examples=60, deadline=None)
    @given(
        st.sets(st.integers(0, DAYS - 1), min_size=1, max_size=DAYS),
        st.floats(1e-4, 0.009),
        st.sampled_from([("open", "high"), ("close", "high"), ("open", "low"), ("close", "low")]),
    )
    def test_the_close_is_kept_and_the_range_widened(self, rows, share, sides):
        body, end = sides
        table = market()
        for row in rows:
            moved = table.loc[row, body] * (1 - share if end == "high" else 1 + share)
            # The other end of the range stays on its side: a range turned over is a contradiction.
            table.loc[row, end] = round(
                max(moved, table.loc[row, "low"]) if end == "high" else min(moved, table.loc[row, "high"]), 2
            )
        reading = read_candles(written(table, {}))
        candles, top, bottom = (
            reading.candles,
            table[["open", "close"]].max(axis=1),
            table[["open", "close"]].min(axis=1),
        )
        outside = np.maximum(top / table["high"], table["low"] / bottom) - 1
        kept = outside <= 0.01
        np.testing.assert_array_equal(candles["close"], table["close"][kept])
        np.testing.assert_array_equal(candles["high"], np.maximum(table["high"], top)[kept])
        np.testing.assert_array_equal(candles["low"], np.minimum(table["low"], bottom)[kept])
        widened = table["date"][kept & (outside > 1e-6)].dt.strftime("%Y-%m-%d")
        assert reading.account.widened == tuple(widened)

    @pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
    def test_further_out_is_a_contradiction(self, share):
        table = market()
        high = f"{min(table.loc[40, 'open'], table.loc[40, 'close']) * (1 - share):.2f}"
        account = read_candles(written(table, {40: ("high", high)})).account
        assert account.dropped == {"contradictory prices": 1}
        assert account.widened == ()
