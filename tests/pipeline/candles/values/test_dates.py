"""Dates as spreadsheets of other countries write them, and midnights of other zones in unix time."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.candles import read_candles
from pipeline.candles.columns import PRICES
from pipeline.candles.values.months import month_of

LANGUAGES = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "short de": "Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "short fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "short nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
}
FORMS = (
    "{day} {name} {year}",
    "{day}-{name}-{year}",
    "{day}. {name} {year}",
    "{name} {day}, {year}",
    "{day} de {name} de {year}",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_months_by_name(language):
    names = LANGUAGES[language].split()
    assert [month_of(name) for name in names] == list(range(1, 13))
    assert [month_of(name.upper()) for name in names if "ı" not in name] == [
        month for month, name in enumerate(names, 1) if "ı" not in name
    ]


@pytest.mark.parametrize("name", ["jui", "ma", "xyz", "q1", "monday"])
def test_what_is_no_month_or_two_is_none(name):
    with pytest.raises(ValueError, match="no month"):
        month_of(name)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", FORMS)
def test_files_with_months_by_name(bars, language, form):
    names = LANGUAGES[language].split()
    rows = [
        f"{form.format(day=bar.date.day, name=names[bar.date.month - 1], year=bar.date.year)};{bar.close}"
        for bar in bars.itertuples()
    ]
    assert (
        read_candles("\n".join(["Date;Close", *rows]).encode()).candles["date"].tolist()
        == bars["date"].tolist()
    )


@pytest.mark.parametrize(
    "form",
    [
        "%d-%m-%Y 0.00",
        "%d.%m.%Y 0.00",
        "%m/%d/%Y 0.00",
        "%Y-%m-%d 0.00",
        "%d-%m-%Y 00.00.00",
        "%d-%b-%Y 0.00",
    ],
)
def test_hours_and_minutes_parted_by_a_point(bars, form):
    rows = [f"{bar.date.strftime(form)},{bar.close}" for bar in bars.itertuples()]
    candles = read_candles("\n".join(["Date,Close", *rows]).encode()).candles
    assert candles["date"].tolist() == bars["date"].tolist()


def test_hours_parted_by_a_point(bars):
    hours = pd.date_range("2020-01-13", periods=90, freq="h", unit="us")
    rows = [
        f"{hour:%d-%m-%Y} {hour.hour}.{hour:%M},{close}"
        for hour, close in zip(hours, bars["close"], strict=True)
    ]
    candles = read_candles("\n".join(["Date,Close", *rows]).encode()).candles
    assert candles["date"].tolist() == hours.tolist()


@pytest.mark.parametrize("form", ["{0.year}年{0.month}月{0.day}日", "{0.year}년 {0.month}월 {0.day}일"])
def test_dates_with_characters(bars, form):
    rows = [f"{form.format(bar.date)},{bar.close}" for bar in bars.itertuples()]
    candles = read_candles("\n".join(["Date,Close", *rows]).encode()).candles
    assert candles["date"].tolist() == bars["date"].tolist()


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("end", ["", ",,"])
def test_whole_rows_in_quotes(bars, header, end):
    head = "Date,Open,High,Low,Close"
    rows = [f"{bar.date:%Y-%m-%d},{bar.open},{bar.high},{bar.low},{bar.close}" for bar in bars.itertuples()]
    lines = [f'"{head}"{end}' if header else head, *(f'"{row}"{end}' for row in rows)]
    reading = read_candles("\n".join(lines).encode())
    assert_frame_equal(reading.candles[["date", *PRICES]], bars[["date", *PRICES]])


def test_rows_in_quotes_with_quoted_numbers_inside(bars):
    rows = [f'"{bar.date:%Y-%m-%d},""1,{bar.close:.1f}"",5"' for bar in bars.itertuples()]
    candles = read_candles("\n".join(['"Date,Close,Open"', *rows]).encode()).candles
    assert candles["close"].tolist() == [1000 + close for close in bars["close"]]


class TestMidnightsOfAnotherZone:
    @pytest.mark.parametrize("name", ["time", "unix", "timestamp", "date"])
    @pytest.mark.parametrize(
        ("east", "shift"), [(9, 1), (12, 1), (8, 1), (5.5, 1), (1, 1), (-4, 0), (-5, 0), (-8, 0)]
    )
    def test_a_bar_is_dated_by_the_day_that_holds_most_of_it(self, bars, name, east, shift):
        """The bar of day D opens at its zone's midnight and, dated so, never ends more than half a day after D."""
        opens = bars["date"] - pd.Timedelta(hours=east)
        seconds = (opens - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
        rows = [f"{second},{close}" for second, close in zip(seconds, bars["close"], strict=True)]
        reading = read_candles("\n".join([f"{name},close", *rows]).encode())
        assert reading.candles["date"].tolist() == bars["date"].tolist()
        told = [warning for warning in reading.account.warnings if "midnight of another zone" in warning]
        assert len(told) == shift

    def test_a_bar_that_is_still_open_is_left_out(self, bars):
        opens = (bars["date"] - pd.Timedelta(hours=9) - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
        rows = [f"{second},{close}" for second, close in zip(opens, bars["close"], strict=True)]
        data = "\n".join(["time,close", *rows]).encode()
        # The newest opens on 2020-03-29 15:00 and ends a day later.
        assert read_candles(data, fetched_at=datetime(2020, 3, 30, 14, 59, tzinfo=UTC)).account.dropped == {
            "unfinished": 1
        }
        assert not read_candles(data, fetched_at=datetime(2020, 3, 30, 15, 0, tzinfo=UTC)).account.dropped

    def test_stamps_inside_the_day_are_no_midnights(self, bars):
        running = bars.assign(date=bars["date"] + pd.Timedelta("17:35:12"))
        seconds = (running["date"] - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
        rows = [f"{second},{close}" for second, close in zip(seconds, bars["close"], strict=True)]
        candles = read_candles("\n".join(["time,close", *rows]).encode()).candles
        assert candles["date"].tolist() == bars["date"].tolist()[: len(candles)]
