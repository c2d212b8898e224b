"""Which column is what: no role from two tables, no indicator for a volume, no end for a beginning."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pipeline.candles import read_candles
from pipeline.candles.columns import PRICES
from pipeline.candles.text.layout import read_layout
from pipeline.candles.text.side_by_side import is_side_by_side
from pipeline.errors import CandleFileError

TIMES = ("Date", "unix", "Unix Timestamp", "timestamp", "time", "Open time")
OHLC = ("Open", "High", "Low", "Close")


def csv(table: pd.DataFrame, names: list[str]) -> bytes:
    return table.set_axis(names, axis=1).to_csv(index=False, date_format="%Y-%m-%d").encode()


class TestTwoTables:
    @settings(max_examples=60)
    @given(
        st.sampled_from(TIMES),
        st.sampled_from([*TIMES, ""]),
        st.sampled_from([OHLC, ("Open", "High", "Low", "Price"), ("Close",)]),
        st.sampled_from([str.lower, str.upper, str.title, lambda name: f"{name}.1"]),
        st.sampled_from([[], ["Volume"], ["Volume USD", "Volume ETH"]]),
    )
    def test_side_by_side_are_never_mixed(self, first_time, second_time, prices, written, volumes):
        second = [written(name) for name in ([second_time] if second_time else []) + list(OHLC)]
        header = [first_time, *prices, "Volume", "", *second, *volumes]
        rows = [
            ",".join(
                ["2020-01-01", *["5"] * len(prices), "1", "", *(["2021-01-01"] if second_time else [])]
                + ["9"] * (4 + len(volumes))
            )
        ]
        with pytest.raises(CandleFileError, match="two tables"):
            read_candles("\n".join([",".join(header), *rows]).encode())

    def test_other_names_for_a_second_time_and_close(self):
        assert is_side_by_side(["Date", "Open", "Close", "Volume", "timestamp", "last"])

    @pytest.mark.parametrize(
        "header",
        [
            "Date,Open,High,Low,Close,Adj Close,Volume",
            "unix,date,symbol,open,high,low,close,Volume BTC,Volume USD,tradecount",
            "Open time,Open,High,Low,Close,Volume,Close time,Quote asset volume,Number of trades",
            "timeOpen,timeClose,timeHigh,timeLow,name,open,high,low,close,volume,marketCap,timestamp",
            "close,trades,low,date,volume_quote,high,open",
            "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            "Date,Price,Open,High,Low,Vol.,Change %",
        ],
    )
    def test_one_table_is_one(self, header):
        assert not is_side_by_side(header.split(","))

    def test_columns_by_number_are_those_of_one_table_only(self, bars):
        prices = bars[["date", *PRICES]]
        other = prices.assign(**{price: prices[price] * 7 for price in PRICES}, volume=99.0)
        other["date"] += pd.Timedelta(days=400)
        table = pd.concat([prices, other], axis=1)
        names = ["Date", *OHLC, "date", *(name.lower() for name in OHLC), "Volume"]
        data = csv(table, names)
        with pytest.raises(CandleFileError) as refusal:
            read_candles(data)
        advised = dict(
            pair.split("=") for pair in str(refusal.value).split("--map ")[1].split()[0].split(",")
        )
        assert advised == {"date": "1", "open": "2", "high": "3", "low": "4", "close": "5"}
        assert_frame_equal(read_candles(data, mapping=advised).candles[["date", *PRICES]], prices)
        second = {"date": "6", "open": "7", "high": "8", "low": "9", "close": "10", "volume": "11"}
        reading = read_candles(data, mapping=second)
        assert_frame_equal(reading.candles[["date", *PRICES]], other[["date", *PRICES]])
        assert (reading.candles["volume_base"] == 99.0).all()


class TestVolumes:
    @pytest.mark.parametrize("word", ["MA", "SMA", "EMA", "Osc", "Delta", "20", "Profile", "avg", "change"])
    def test_a_word_that_is_no_currency_is_an_indicator(self, bars, word):
        table = bars[["date", *PRICES, "volume_base"]].assign(indicator=1.0)
        data = csv(table, ["time", "open", "high", "low", "close", "Volume", f"Volume {word}"])
        reading = read_candles(data)
        assert reading.candles["volume_base"].tolist() == bars["volume_base"].tolist()
        assert reading.candles["volume_quote"].isna().all()
        alone = csv(
            table.drop(columns="volume_base"), ["time", "open", "high", "low", "close", f"Volume {word}"]
        )
        assert read_candles(alone).candles["volume_base"].isna().all()

    @pytest.mark.parametrize(
        ("symbol", "labels"),
        [("PEPEUSDT", ("PEPE", "USDT")), ("ABC/XYZ", ("ABC", "XYZ")), ("1INCH-USD", ("1INCH", "USD"))],
    )
    def test_the_symbol_says_what_no_list_knows(self, symbol, labels):
        cells = ["date", "symbol", "close", *(f"Volume {label}" for label in labels)]
        layout = read_layout(cells, row=["2020-01-01", symbol, "5", "1", "5"])
        assert (layout.pair, layout.columns["volume_base"], layout.columns["volume_quote"]) == (labels, 3, 4)

    def test_a_beginning_of_the_symbol_is_no_currency(self):
        cells = ["date", "symbol", "close", "Volume", "Volume MA"]
        layout = read_layout(cells, row=["2020-01-01", "MATICUSDT", "5", "1", "5"])
        assert not {"volume_base", "volume_quote"} & layout.columns.keys()

    def test_a_file_of_coins_and_of_currency(self, bars):
        table = bars[["date", *PRICES, "volume_base", "volume_quote"]]
        names = ["Timestamp", "Open", "High", "Low", "Close", "Volume_(BTC)", "Volume_(Currency)"]
        assert_frame_equal(read_candles(csv(table, names)).candles, bars.assign(trades=np.nan))


class TestEnds:
    @pytest.mark.parametrize("name", ["Close Time", "close_time", "timeClose", "end time"])
    @pytest.mark.parametrize("form", ["unix", "ms", "instant", "almost"])
    @pytest.mark.parametrize("frequency", ["D", "h"])
    def test_a_bar_that_ends_at_midnight_is_of_the_day_before(self, bars, name, form, frequency):
        table = bars[["date", *PRICES]].assign(
            date=pd.date_range("2020-01-01", periods=90, freq=frequency, unit="us")
        )
        ends = (
            table["date"] + pd.Timedelta(1, unit=frequency) - pd.Timedelta(milliseconds=int(form == "almost"))
        )
        seconds = (ends - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
        written = {
            "unix": seconds,
            "ms": seconds * 1000,
            "instant": ends.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "almost": ends.dt.strftime("%Y-%m-%dT%H:%M:%S.999Z"),
        }[form]
        names = [name, "open", "high", "low", "close"]
        candles = read_candles(
            table.assign(date=written).set_axis(names, axis=1).to_csv(index=False).encode()
        ).candles
        assert_frame_equal(candles[["date", *PRICES]], table)

    def test_the_time_of_opening_wins(self, bars):
        table = bars[["date", "close"]].assign(end=bars["date"] + pd.Timedelta(days=1))
        assert (
            read_candles(csv(table, ["Open time", "Close", "Close time"])).candles["date"].tolist()
            == bars["date"].tolist()
        )

    def test_mapped_by_hand_it_is_still_an_end(self, bars):
        table = bars[["date", "close"]].assign(
            date=(bars["date"] + pd.Timedelta(days=1)).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        )
        reading = read_candles(
            csv(table, ["Close time", "Last price"]), mapping={"date": "Close time", "close": "Last price"}
        )
        assert reading.candles["date"].tolist() == bars["date"].tolist()


class TestUnnamed:
    @pytest.mark.parametrize("name", ["", "Unnamed: 0", "index"])
    @pytest.mark.parametrize("date", ["%Y-%m-%d", "%d/%m/%Y", "%d %b %Y"])
    def test_a_column_of_dates_without_a_name(self, bars, name, date):
        table = bars[["date", *PRICES]].assign(date=bars["date"].dt.strftime(date))
        candles = read_candles(csv(table, [name, *OHLC])).candles
        assert_frame_equal(candles[["date", *PRICES]], bars[["date", *PRICES]])

    @pytest.mark.parametrize("step", [1, -1])
    def test_an_index_that_the_header_leaves_out(self, bars, step):
        rows = [
            f"{place * step + 200},{bar.date:%Y-%m-%d},{bar.open},{bar.high},{bar.low},{bar.close}"
            for place, bar in enumerate(bars.itertuples())
        ]
        candles = read_candles("\n".join(["Date,Open,High,Low,Close", *rows]).encode()).candles
        assert_frame_equal(candles[["date", *PRICES]], bars[["date", *PRICES]])

    def test_dates_that_the_header_leaves_out(self, bars):
        rows = [
            f"{bar.date:%Y-%m-%d},{bar.open},{bar.high},{bar.low},{bar.close}" for bar in bars.itertuples()
        ]
        candles = read_candles("\n".join(["Open,High,Low,Close", *rows]).encode()).candles
        assert_frame_equal(candles[["date", *PRICES]], bars[["date", *PRICES]])

    def test_a_comma_in_a_number_is_no_index(self):
        rows = [f"7,{day}23.50,2020-01-{day:02d}" for day in range(1, 30)]
        with pytest.raises(CandleFileError):
            read_candles("\n".join(["Close,Date", *rows]).encode())
