"""Every habit of real files, each in a small generated file of its own."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.candles import Reading, read_candles
from pipeline.candles.columns import PRICES
from pipeline.errors import CandleFileError
from pipeline.series import Series

OLD_HEADER = "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT"
CREATED = "Created on 05-20-2020,https://www.CryptoDataDownload.com"


def balanced(reading: Reading) -> Reading:
    """The reading, after a look at its books."""
    account = reading.account
    assert account.rows_read == account.rows_kept + sum(account.dropped.values())
    assert account.rows_kept == len(reading.candles)
    assert reading.candles["date"].is_unique
    assert reading.candles["date"].is_monotonic_increasing
    assert (reading.candles[list(PRICES)] > 0).all(axis=None)
    return reading


def test_a_whole_file_gives_its_bars(bars, vendor_file):
    reading = balanced(read_candles(vendor_file()))
    assert_frame_equal(reading.candles, bars)
    assert reading.account.as_dict() == {
        "format": "CryptoDataDownload",
        "series": {"exchange": None, "symbol": "BTCUSDT", "timeframe": "1d"},
        "rows_read": 90,
        "rows_kept": 90,
        "dropped": {},
        "first": "2020-01-01",
        "last": "2020-03-30",
        "missing": [],
        "widened": [],
        "warnings": [],
        "verdict": "usable",
    }


@pytest.mark.parametrize(
    ("banner", "header", "form"),
    [
        (
            "Created on 05-20-2021,http://www.CryptoDataDownload.com",
            "Date,Symbol,Open,High,Low,Close,Volume From,Volume To",
            {"unix": "", "trades": False},
        ),
        ("Created on 05-20-2021,https://x", OLD_HEADER, {"unix": "", "trades": False}),
        (
            "fullCreated on 05-20-2021,https://www.CryptoDataDownload.com",
            "Unix Timestamp,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT",
            {"unix": "float", "trades": False},
        ),
        (
            "https://www.CryptoDataDownload.com",
            "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount",
            {"symbol": "BTC/USDT", "date": "%Y-%m-%d 00:00:00"},
        ),
        ("", "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount", {"unix": "s"}),
    ],
    ids=["2018", "2019", "2020-09", "2020-12", "no banner"],
)
def test_every_vintage_gives_the_same_bars(bars, vendor_lines, vendor_file, banner, header, form):
    reading = balanced(read_candles(vendor_file(vendor_lines(bars, **form), banner=banner, header=header)))
    told = bars if form.get("trades", True) else bars.assign(trades=np.nan)
    assert_frame_equal(reading.candles, told)
    assert reading.account.format == "CryptoDataDownload"
    assert reading.account.series.symbol == "BTCUSDT"


def test_units_of_unix_time_change_inside_the_file(bars, vendor_lines, vendor_file):
    rows = [
        *vendor_lines(bars[:20], unix="float", trades=False),
        *vendor_lines(bars[20:50], unix="s", trades=False),
        *vendor_lines(bars[50:], unix="ms", trades=False),
    ]
    header = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT"
    reading = balanced(read_candles(vendor_file(rows, header=header)))
    assert_frame_equal(reading.candles, bars.assign(trades=np.nan))


def test_date_forms_change_inside_the_file(bars, vendor_lines, vendor_file):
    rows = [
        *vendor_lines(bars[:30], unix="", trades=False),
        *vendor_lines(bars[30:60], unix="", trades=False, date="%Y-%m-%d 00:00:00"),
        *vendor_lines(bars[60:], unix="", trades=False, date="%Y-%m-%d 12-AM"),
    ]
    reading = balanced(read_candles(vendor_file(rows, header=OLD_HEADER)))
    assert_frame_equal(reading.candles, bars.assign(trades=np.nan))


def test_where_vintages_were_joined_the_newer_form_is_kept(bars, vendor_lines, vendor_file):
    old = bars[:50].assign(close=bars["close"] - 0.5)
    rows = [
        *(f"{row},NULL" for row in vendor_lines(old, unix="float", trades=False)),
        *vendor_lines(bars[49:], date="%Y-%m-%d 00:00:00"),
    ]
    reading = balanced(read_candles(vendor_file(rows)))
    assert reading.account.dropped == {"superseded": 1}
    assert reading.candles["close"][49] == bars["close"][49]
    assert reading.candles["close"][48] == bars["close"][48] - 0.5


def test_a_partial_bar_gives_way_to_the_whole_one(bars, vendor_lines, vendor_file):
    partial = bars[40:41].assign(close=140.2, volume_base=3.0, volume_quote=420.0)
    reading = balanced(read_candles(vendor_file([*vendor_lines(bars), *vendor_lines(partial)])))
    assert reading.account.dropped == {"superseded": 1}
    assert_frame_equal(reading.candles, bars)


def test_the_same_row_twice_is_a_duplicate(bars, vendor_lines, vendor_file):
    rows = vendor_lines(bars)
    reading = balanced(read_candles(vendor_file([*rows, *rows[10:15]])))
    assert reading.account.dropped == {"duplicate": 5}
    assert_frame_equal(reading.candles, bars)


def test_unix_time_wins_where_dates_slipped_by_hours(bars, vendor_lines, vendor_file):
    hours = bars.assign(date=pd.date_range("2017-09-20", periods=90, freq="h", unit="us"))
    slipped = hours.assign(date=hours["date"] - pd.Timedelta(hours=4))
    form = {"date": "%Y-%m-%d %I-%p"}
    rows = vendor_lines(hours, **form)
    dates = vendor_lines(slipped, **form)
    rows[30:50] = [
        ",".join([row.split(",")[0], *date.split(",")[1:]])
        for row, date in zip(rows[30:50], dates[30:50], strict=True)
    ]
    reading = balanced(read_candles(vendor_file(rows)))
    assert_frame_equal(reading.candles, hours)
    assert any("disagree on 20 rows" in warning for warning in reading.account.warnings)


def test_bars_repeated_under_later_times_are_left_out(bars, vendor_lines, vendor_file):
    hours = bars.assign(date=pd.date_range("2017-11-10", periods=90, freq="h", unit="us"))
    told = hours.copy()
    told.loc[45:49, told.columns[1:]] = hours.loc[40:44, hours.columns[1:]].to_numpy()
    rows = vendor_lines(told, unix="", date="%Y-%m-%d %I-%p", trades=False)
    reading = balanced(read_candles(vendor_file(rows, header=OLD_HEADER)))
    assert reading.account.dropped == {"repeated bar": 5}
    repeats = pd.date_range("2017-11-11 21:00", periods=5, freq="h")
    assert reading.account.missing == tuple(repeats.strftime("%Y-%m-%dT%H:%M"))


@pytest.mark.parametrize("period", [1, 7, 12])
def test_bars_that_always_repeat_are_the_market(bars, vendor_lines, vendor_file, period):
    hours = bars.iloc[np.arange(90) % period].reset_index(drop=True)
    hours["date"] = pd.date_range("2017-11-10", periods=90, freq="h", unit="us")
    rows = vendor_lines(hours, date="%Y-%m-%d %H:%M:%S")
    assert not balanced(read_candles(vendor_file(rows))).account.dropped


def test_hours_that_lost_their_time_are_refused(bars, vendor_lines, vendor_file):
    hours = bars.assign(date=pd.date_range("2017-11-10", periods=90, freq="h", unit="us"))
    with pytest.raises(CandleFileError, match="hours whose time was lost"):
        read_candles(vendor_file(vendor_lines(hours, unix="", trades=False), header=OLD_HEADER))


def test_two_overlapping_daily_series_are_cut_once(bars, vendor_lines, vendor_file):
    early = bars.assign(date=bars["date"] + pd.Timedelta(hours=4))
    middle = bars.assign(date=bars["date"] + pd.Timedelta(hours=13), close=bars["close"] + 0.25)
    form = {"date": "%Y-%m-%d %H:%M:%S"}
    rows = [
        *vendor_lines(early[:70], **form),
        *vendor_lines(middle[30:50], **form),
        *vendor_lines(bars[50:].drop(index=60), **form),
    ]
    reading = balanced(read_candles(vendor_file(rows)))
    assert reading.account.dropped == {"overlapping bar": 40}
    # From the cut on only midnight bars count: the one that is missing stays missing.
    assert reading.account.missing == ("2020-03-01",)
    assert any("from 2020-02-20 on" in warning for warning in reading.account.warnings)
    assert_frame_equal(reading.candles, bars.drop(index=60).reset_index(drop=True))


def test_bars_at_another_hour_are_a_series_of_their_own(bars, vendor_lines, vendor_file):
    early = bars.assign(date=bars["date"] + pd.Timedelta(hours=4))
    reading = balanced(read_candles(vendor_file(vendor_lines(early, date="%Y-%m-%d %H:%M:%S"))))
    assert_frame_equal(reading.candles, bars)
    assert reading.account.warnings == (
        "90 bars stamped 04:00 (most often) instead of the start of the bar in UTC.",
    )


def test_junk_rows_beside_real_ones(bars, vendor_lines, vendor_file):
    junk = bars[20:60].assign(
        date=bars["date"] + pd.Timedelta(minutes=18, seconds=24), volume_base=0.0, volume_quote=0.0
    )
    junk = junk.assign(open=junk["close"], high=junk["close"], low=junk["close"])
    form = {"date": "%Y-%m-%d %H:%M:%S", "trades": False, "unix": "s"}
    header = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT"
    rows = [*vendor_lines(bars, **form), *vendor_lines(junk, **form)]
    reading = balanced(read_candles(vendor_file(rows, header=header)))
    assert reading.account.dropped == {"junk": 40}
    assert_frame_equal(reading.candles, bars.assign(trades=np.nan))


@pytest.mark.parametrize("swapped_until", [0, 40, 90])
def test_volume_labels_that_lie_or_switch(bars, vendor_lines, vendor_file, swapped_until):
    told = bars.copy()
    sides = ["volume_base", "volume_quote"]
    told.loc[: swapped_until - 1, sides] = bars.loc[: swapped_until - 1, sides[::-1]].to_numpy()
    reading = balanced(read_candles(vendor_file(vendor_lines(told))))
    assert_frame_equal(reading.candles, bars)
    assert len(reading.account.warnings) == (swapped_until > 0)


def test_the_quote_column_first(bars, vendor_lines, vendor_file):
    swapped = bars.rename(columns={"volume_base": "volume_quote", "volume_quote": "volume_base"})
    header = "unix,date,symbol,open,high,low,close,Volume USD,Volume BTC,tradecount"
    rows = vendor_lines(swapped, symbol="BTC/USD")
    reading = balanced(read_candles(vendor_file(rows, header=header)))
    assert_frame_equal(reading.candles, bars)
    assert reading.account.verdict == "usable"


def test_missing_days_are_listed(bars, vendor_lines, vendor_file):
    rows = vendor_lines(bars.drop(index=[*range(30, 42), 80]))
    reading = balanced(read_candles(vendor_file(rows)))
    assert reading.account.missing == (
        *(f"2020-01-{day}" for day in (31,)),
        *(f"2020-02-{day:02d}" for day in range(1, 12)),
        "2020-03-21",
    )
    assert len(reading.candles) == 77


class TestUnfinished:
    def last_with(self, bars, share):
        told = bars.copy()
        told.loc[89, ["volume_base", "volume_quote"]] = [10 * share, 10 * share * 189.5]
        return told

    def test_by_the_clock(self, vendor_file):
        during = datetime(2020, 3, 30, 23, 59, tzinfo=UTC)
        after = datetime(2020, 3, 31, 0, 0, tzinfo=UTC)
        assert balanced(read_candles(vendor_file(), fetched_at=during)).account.dropped == {"unfinished": 1}
        assert balanced(read_candles(vendor_file(), fetched_at=after)).account.dropped == {}

    def test_by_volume_whatever_the_clock_says(self, bars, vendor_lines, vendor_file):
        data = vendor_file(vendor_lines(self.last_with(bars, 0.02)))
        for fetched_at in (None, datetime(2020, 3, 31, 0, 20, tzinfo=UTC), datetime(2020, 9, 1)):
            reading = balanced(read_candles(data, fetched_at=fetched_at))
            assert reading.account.dropped == {"unfinished": 1}
            assert any("left out as unfinished" in warning for warning in reading.account.warnings)

    def test_an_old_file_needs_less_evidence(self, bars, vendor_lines, vendor_file):
        data = vendor_file(vendor_lines(self.last_with(bars, 0.25)))
        fresh = balanced(read_candles(data, fetched_at=datetime(2020, 3, 31, 0, 20)))
        assert fresh.account.dropped == {}
        assert any("may be unfinished" in warning for warning in fresh.account.warnings)
        old = balanced(read_candles(data, fetched_at=datetime(2020, 6, 1)))
        assert old.account.dropped == {"unfinished": 1}

    def test_by_the_banner(self, bars, vendor_lines, vendor_file):
        rows = vendor_lines(bars, unix="", trades=False)
        banner = "Created on 03-30-2020,https://www.CryptoDataDownload.com"
        reading = balanced(read_candles(vendor_file(rows, banner=banner, header=OLD_HEADER)))
        assert reading.account.dropped == {"unfinished": 1}
        later = banner.replace("03-30", "03-31")
        assert not read_candles(vendor_file(rows, banner=later, header=OLD_HEADER)).account.dropped

    def test_bars_from_the_future(self, vendor_file):
        reading = balanced(read_candles(vendor_file(), fetched_at=datetime(2020, 3, 20, 12)))
        assert reading.account.dropped == {"in the future": 10, "unfinished": 1}

    def test_a_market_that_ended_quietly_keeps_its_last_day(self, bars, vendor_lines, vendor_file):
        told = bars.copy()
        told.loc[80:, ["volume_base", "volume_quote"]] = 0.0
        assert not balanced(read_candles(vendor_file(vendor_lines(told)))).account.dropped


def test_outages_are_kept_and_told(bars, vendor_lines, vendor_file):
    told = bars.copy()
    told.loc[40:43, ["open", "high", "low", "close"]] = told.loc[39, "close"]
    told.loc[40:43, ["volume_base", "volume_quote"]] = 0.0
    told.loc[44, "low"] = told.loc[39, "close"]
    reading = balanced(read_candles(vendor_file(vendor_lines(told))))
    assert len(reading.candles) == 90
    assert any(
        "Flat without volume" in warning and "4 candles" in warning for warning in reading.account.warnings
    )
    assert any(
        "Runs of 3 or more flat candles begin: 1 candle" in warning for warning in reading.account.warnings
    )


def test_leading_rows_of_zeros(bars, vendor_lines, vendor_file):
    told = bars.copy()
    told.loc[:29, told.columns[1:]] = 0.0
    told.loc[30, ["open", "low"]] = 0.0
    reading = balanced(read_candles(vendor_file(vendor_lines(told))))
    assert reading.account.dropped == {"zero price": 31}
    assert reading.account.first == "2020-02-01"


def test_wicks_are_kept_and_told(bars, vendor_lines, vendor_file):
    told = bars.copy()
    told.loc[20, "low"] = 0.06
    told.loc[50, "high"] = 10_000_000.0
    reading = balanced(read_candles(vendor_file(vendor_lines(told))))
    assert_frame_equal(reading.candles, told)
    assert any("Wicks" in warning and "2 candles" in warning for warning in reading.account.warnings)


def test_a_stale_tail_and_a_jump_are_told(bars, vendor_lines, vendor_file):
    told = bars.copy()
    told.loc[85:, ["open", "high", "low", "close"]] = told.loc[85, "close"] * 3
    warnings = " ".join(balanced(read_candles(vendor_file(vendor_lines(told)))).account.warnings)
    assert "Stale tail: no candle moves from 2020-03-27 on" in warnings
    assert "Closes more than twice" in warnings


def test_a_short_file_is_told(bars, vendor_lines, vendor_file):
    reading = balanced(read_candles(vendor_file(vendor_lines(bars[:27]))))
    assert reading.account.verdict == "usable with warnings"
    assert reading.account.warnings == ("Short file: 27 candles.",)


class TestValuesThatCannotBe:
    @pytest.mark.parametrize(
        ("column", "value", "reason"),
        [
            ("high", "99", "contradictory prices"),
            ("low", "500", "contradictory prices"),
            ("close", "5000", "contradictory prices"),
            ("open", "1", "contradictory prices"),
            ("low", "-3", "negative value"),
            ("volume_base", "-3", "negative value"),
            ("close", "inf", "infinite value"),
            ("volume_quote", "Infinity", "infinite value"),
            ("open", "1e999", "infinite value"),
            ("close", "", "no price"),
            ("close", "null", "no price"),
            ("close", "abc", "unparseable"),
            ("close", "12.3.4", "unparseable"),
            ("low", "0", "zero price"),
        ],
    )
    def test_are_left_out_with_a_reason(self, bars, vendor_lines, vendor_file, column, value, reason):
        rows = vendor_lines(bars)
        cells = rows[33].split(",")
        cells[2 + list(bars.columns).index(column)] = value
        rows[33] = ",".join(cells)
        reading = balanced(read_candles(vendor_file(rows)))
        assert reading.account.dropped == {reason: 1}
        assert reading.account.missing == ("2020-02-03",)

    def test_a_volume_that_is_no_number_is_left_empty(self, bars, vendor_lines, vendor_file):
        rows = vendor_lines(bars)
        cells = rows[33].split(",")
        cells[7], cells[9] = "n.a.!", "NULL"
        rows[33] = ",".join(cells)
        reading = balanced(read_candles(vendor_file(rows)))
        assert np.isnan(reading.candles.loc[33, ["volume_base", "trades"]].astype(float)).all()
        assert reading.account.warnings == (
            "1 cell of volume_base left empty: what is written there is no number.",
        )

    def test_rounding_of_single_precision_is_no_contradiction(self, bars, vendor_lines, vendor_file):
        told = bars.copy()
        told.loc[33, "high"] = told.loc[33, "close"] * (1 - 1e-8)
        candles = balanced(read_candles(vendor_file(vendor_lines(told)))).candles
        assert candles.loc[33, "high"] == candles.loc[33, "close"]

    def test_numbers_as_the_vendor_writes_them(self, bars, vendor_lines, vendor_file):
        tiny = bars.assign(**{price: bars[price] * 1e-7 for price in PRICES})
        rows = [row.replace("e-05", "E-05") for row in vendor_lines(tiny)]
        assert_frame_equal(read_candles(vendor_file(rows)).candles[["close"]], tiny[["close"]], rtol=1e-9)


class TestSeveralMarkets:
    @pytest.fixture
    def both(self, bars, vendor_lines, vendor_file):
        other = bars.assign(**{price: bars[price] / 50 for price in PRICES})
        return vendor_file([*vendor_lines(bars), *vendor_lines(other, symbol="ETH/USDT")])

    def test_are_refused_by_name(self, both):
        with pytest.raises(CandleFileError, match="BTCUSDT, ETHUSDT") as refusal:
            read_candles(both)
        assert refusal.value.rows_read == 180

    def test_are_split_by_the_series(self, both, bars):
        reading = balanced(read_candles(both, series=Series.parse("binance/BTCUSDT/1d")))
        assert reading.account.dropped == {"other symbol": 90}
        assert_frame_equal(reading.candles, bars)

    def test_neither_of_them(self, both):
        with pytest.raises(CandleFileError, match="BTCUSDT, ETHUSDT, not LTCUSDT"):
            read_candles(both, series=Series.parse("binance/LTCUSDT/1d"))

    def test_under_a_second_header_with_other_columns(self, bars, vendor_lines):
        first = vendor_lines(bars[:50], unix="", trades=False)
        second = vendor_lines(bars[50:], date="%Y-%m-%d 00:00:00")
        text = "\n".join([OLD_HEADER, *first, "https://www.CryptoDataDownload.com", HEADER_2020, *second])
        reading = balanced(read_candles(text.encode()))
        assert reading.account.dropped == {"repeated header": 2}
        assert len(reading.candles) == 90

    def test_without_a_symbol_are_told_by_their_prices(self, bars, vendor_lines):
        other = bars.assign(**{price: bars[price] / 50 for price in PRICES})
        rows = [row.replace(",BTCUSDT,", ",") for row in (*vendor_lines(bars), *vendor_lines(other))]
        with pytest.raises(CandleFileError, match="two markets in one file"):
            read_candles(
                "\n".join(["Unix,Date,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount", *rows]).encode()
            )

    def test_a_damaged_symbol_is_no_market(self, bars, vendor_lines, vendor_file):
        rows = vendor_lines(bars)
        rows[7] = rows[7].replace("BTCUSDT", "BTC?SDT")
        assert balanced(read_candles(vendor_file(rows))).account.dropped == {"other symbol": 1}


HEADER_2020 = "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount"


class TestNoCandleFile:
    @pytest.mark.parametrize(
        ("data", "word"),
        [
            (b"", "empty"),
            (b" \r\n\n", "empty"),
            (b"<!DOCTYPE html><html><body>503</body></html>", "web page"),
            (b"\n\n<html><head><meta http-equiv=refresh></head></html>", "web page"),
            (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "web page"),
            (b'{"error": "not found"}', "JSON"),
            (b"PK\x03\x04....", "Excel"),
            (b"\x1f\x8b\x08\x00....", "gzip"),
            (b"PAR1....", "Parquet"),
            (bytes(range(256)) * 20, "binary"),
            (b"hello world\nthis is no table\n", "No header"),
            (b"https://www.CryptoDataDownload.com\nUnix,Date,Symbol,Open,High,Low,Close\n", "no candle"),
            (b"Date,Close\n,\n,\n", "no candle"),
            (b"Date,Close\nx,y\n", "no usable row"),
        ],
    )
    def test_is_refused_in_a_sentence(self, data, word):
        with pytest.raises(CandleFileError, match=word) as refusal:
            read_candles(data)
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) < 300

    def test_a_truncated_file_loses_its_last_line(self, vendor_file):
        data = vendor_file()
        reading = balanced(read_candles(data[: data.rindex(b",BTCUSDT") + 20]))
        assert reading.account.dropped == {"unparseable": 1}
        assert len(reading.candles) == 89
        assert reading.account.warnings == ("1 row cannot be read (line 92).",)

    def test_bars_of_other_lengths(self, bars, vendor_lines, vendor_file):
        for step, words in (("min", "1 minutes"), ("4h", "4 hours"), ("7D", "7 days")):
            told = bars.assign(date=pd.date_range("2020-01-01", periods=90, freq=step, unit="us"))
            with pytest.raises(CandleFileError, match=words):
                read_candles(vendor_file(vendor_lines(told, date="%Y-%m-%d %H:%M:%S")))

    def test_another_timeframe_than_the_series(self, vendor_file):
        with pytest.raises(CandleFileError, match="holds 1d candles"):
            read_candles(vendor_file(), series=Series.parse("binance/BTCUSDT/1h"))


class TestAsOf:
    def test_is_reading_and_then_cutting(self, bars, vendor_file):
        reading = balanced(read_candles(vendor_file(), as_of=date(2020, 2, 10)))
        assert_frame_equal(reading.candles, bars[:41])
        assert reading.account.dropped == {"after as_of": 49}

    def test_before_the_first_candle(self, vendor_file):
        with pytest.raises(CandleFileError, match="no candle at or before 2019-12-31"):
            read_candles(vendor_file(), as_of=date(2019, 12, 31))
