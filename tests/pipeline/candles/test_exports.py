"""Exports of exchanges, sites and spreadsheets of other languages: their columns, numbers, dates and code pages."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.candles import read_candles
from pipeline.candles.columns import PRICES
from pipeline.errors import CandleFileError

# What investing sites write above: date, close, open, high, low, volume, change.
SITES = {
    "German": "Datum,Zuletzt,Eröffn.,Hoch,Tief,Vol.,+/- %",
    "French": "Date,Dernier,Ouv., Plus Haut,Plus Bas,Vol.,Variation %",
    "Spanish": "Fecha,Último,Apertura,Máximo,Mínimo,Vol.,% var.",
    "Italian": "Data,Ultimo,Apertura,Massimo,Minimo,Vol.,Var. %",
    "Portuguese": "Data,Último,Abertura,Máxima,Mínima,Vol.,Var%",
    "Dutch": "Datum,Laatste,Open,Hoog,Laag,Vol.,Verschil %",
    "Swedish": "Datum,Senast,Öppen,Högst,Lägst,Vol.,+/- %",
    "Polish": "Data,Ostatnio,Otwarcie,Max.,Min.,Wol.,Zmiana %",
    "Turkish": "Tarih,Şimdi,Açılış,Yüksek,Düşük,Hac.,Fark %",
    "Russian": "Дата,Цена,Откр.,Макс.,Мин.,Объём,Изм. %",
    "Japanese": "日付け,終値,始値,高値,安値,出来高,変化率 %",
    "Chinese": "日期,收盘,开盘,高,低,交易量,涨跌幅",
    "Korean": "날짜,종가,시가,고가,저가,거래량,변동 %",
}
SPREADSHEETS = (
    "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen",
    "Datum,Eröffnungskurs,Höchstkurs,Tiefstkurs,Schlusskurs,Volumen",
    "Date,Ouverture,Plus haut,Plus bas,Clôture,Volume",
    "Date,Ouv,Haut,Bas,Clôture,Vol",
)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def point(number: float) -> str:
    return f"{number:,.1f}"


def comma(number: float) -> str:
    return point(number).translate(str.maketrans(",.", ".,"))


def table(columns: list[pd.Series], header: str = "", delimiter: str = ",", end: str = "\n") -> str:
    """Rows of cells as text, in quotes where a delimiter is among them."""
    rows = [
        delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in map(str, row))
        for row in zip(*columns, strict=True)
    ]
    return end.join([*([header.replace(",", delimiter)] if header else []), *rows]) + end


def assert_prices(data: str | bytes, bars: pd.DataFrame, scale: float = 1.0) -> None:
    reading = read_candles(data.encode() if isinstance(data, str) else data)
    expected = bars[["date", *PRICES]].assign(**{price: bars[price] * scale for price in PRICES})
    assert_frame_equal(reading.candles[["date", *PRICES]], expected)


@pytest.mark.parametrize("language", SITES)
@pytest.mark.parametrize("written", [point, comma])
@pytest.mark.parametrize("date", ["%d.%m.%Y", "%Y年%m月%d日", "%Y- %m- %d"])
def test_sites_in_their_languages(bars, language, written, date):
    columns = [
        bars["date"].dt.strftime(date),
        *((bars[price] * 100).map(written) for price in ("close", "open", "high", "low")),
        bars["volume_base"].map(lambda volume: f"{written(volume)}K"),
        pd.Series(["1.5%"] * 90),
    ]
    assert_prices(table(columns, SITES[language]), bars, scale=100)


@pytest.mark.parametrize("header", SPREADSHEETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_spreadsheets_in_their_code_pages(bars, header, encoding):
    spaced = [bars[price].map(lambda number: comma(number * 100).replace(".", "\xa0")) for price in PRICES]
    columns = [bars["date"].dt.strftime("%d/%m/%Y"), *spaced, bars["volume_base"].map(comma)]
    assert_prices(table(columns, header, ";", "\r\n").encode(encoding), bars, scale=100)


class TestPointsThatGroup:
    @pytest.mark.parametrize("factor", [1e3, 1e5])
    def test_where_dates_and_delimiter_say_so(self, bars, factor):
        grouped = [bars[price].map(lambda number: comma(number * factor)[:-2]) for price in PRICES]
        data = table([bars["date"].dt.strftime("%d.%m.%Y"), *grouped], "Datum,Open,High,Low,Close", ";")
        assert_prices(data, bars, scale=factor)
        assert "group digits" in " ".join(read_candles(data.encode()).account.warnings)

    @pytest.mark.parametrize(("date", "delimiter"), [("%Y-%m-%d", ";"), ("%d.%m.%Y", ",")])
    def test_elsewhere_they_are_decimal(self, bars, date, delimiter):
        decimal = [bars[price].map(lambda number: f"{number / 8:.3f}") for price in PRICES]
        data = table([bars["date"].dt.strftime(date), *decimal], "Date,Open,High,Low,Close", delimiter)
        assert_prices(data, bars, scale=1 / 8)

    def test_one_other_number_decides(self, bars):
        decimal = [bars[price].map(lambda number: f"{number / 8:.3f}") for price in PRICES]
        decimal[0][3] = "12.75"
        data = table([bars["date"].dt.strftime("%d.%m.%Y"), *decimal], "Date,Open,High,Low,Close", ";")
        assert read_candles(data.encode()).candles["close"].tolist() == (bars["close"] / 8).tolist()


def long_date(day: pd.Timestamp) -> str:
    return f"{WEEKDAYS[day.weekday()]} {day:%b %d %Y} 00:00:00 GMT+0000 (Coordinated Universal Time)"


@pytest.mark.parametrize(
    "written",
    [
        lambda day: f"{day:%A, %B} {day.day}, {day.year}",
        lambda day: f"Montag, {day.day}. {['Januar', 'Februar', 'März'][day.month - 1]} {day.year}",
        lambda day: f"Mo. {day:%d.%m.%Y}",
        lambda day: f"{day:%a} {day.month}/{day.day}/{day.year}",
        lambda day: f"{day:%a, %d %b %Y} 00:00:00 GMT",
        lambda day: f"{day} +00",
        lambda day: f"{day}+08",
        lambda day: f"{day} GMT+0900",
        long_date,
    ],
)
def test_weekdays_and_zones_in_dates(bars, written: Callable[[pd.Timestamp], str]):
    assert_prices(
        table(
            [bars["date"].map(written), *(bars[price] for price in PRICES)], "Date,Open,High,Low,Close", ";"
        ),
        bars,
    )


# What exchanges' interfaces give without a header: columns after the time, by their names or as they are.
INTERFACES = {
    "Kraken candles": ("open", "high", "low", "close", "101.5", "volume_base", "trades"),
    "Bybit candles": ("open", "high", "low", "close", "volume_base", "volume_quote"),
    "OKX candles": ("open", "high", "low", "close", "volume_base", "5.5", "volume_quote", "1"),
    "Coinbase candles": ("low", "high", "open", "close", "volume_base"),
    "Bitfinex candles": ("open", "close", "high", "low", "volume_base"),
    "KuCoin candles": ("open", "close", "high", "low", "volume_base", "volume_quote"),
    "HTX candles": ("open", "close", "low", "high", "volume_base", "volume_quote", "trades"),
    "Gate candles": ("volume_quote", "close", "high", "low", "open", "volume_base", "true"),
}


@pytest.mark.parametrize("form", INTERFACES)
@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("newest_first", [False, True])
def test_interfaces_saved_as_they_came(bars, form, unit, newest_first):
    table_ = bars.assign(trades=bars["trades"].astype(int), unix=bars["date"].astype("int64") // 10**6 * unit)
    table_ = table_[::-1] if newest_first else table_
    columns = [
        table_[name] if name in table_ else pd.Series([name] * 90) for name in ("unix", *INTERFACES[form])
    ]
    reading = read_candles(table(columns).encode())
    told = {name: bars[name] if name in INTERFACES[form] else np.nan for name in bars.columns[5:]}
    assert_frame_equal(reading.candles, bars.assign(**told))
    assert reading.account.format == form


class TestNames:
    @pytest.mark.parametrize(
        "header",
        [
            "Date,Open (USD),High (USD),Low (USD),Close (USD)",
            "date_utc,open_usdt,high_usdt,low_usdt,close_usdt",
            "Date (GMT),Open $,High $,Low $,Close $",
            'Date,"Open\n(USD)","High\n(USD)","Low\n(USD)","Close\n(USD)"',
            'Date,Open,High,Low,"Close\n\nof day,\n(USD)"',
            "time_period_start,price_open,price_high,price_low,price_close",
            "Dates,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST",
            "Exchange Date,Open,High,Low,Close",
            "Start,Open,High,Low,Close",
        ],
    )
    def test_with_units_and_line_ends(self, bars, header):
        rows = table([bars["date"].dt.strftime("%Y-%m-%d"), *(bars[price] for price in PRICES)])
        data = f"{header}\n{rows}"
        if "of day" in header:
            with pytest.raises(CandleFileError, match="--map date=1,close=5"):
                read_candles(data.encode())
        else:
            assert_prices(data, bars)

    @pytest.mark.parametrize("header", ["date,close_btc,close_eth", "Date,Close (BTC),Close (ETH)"])
    def test_two_currencies_are_two_tables(self, bars, header):
        data = table([bars["date"].dt.strftime("%Y-%m-%d"), bars["close"], bars["close"] / 9], header)
        with pytest.raises(CandleFileError, match="--map date=1,close=2"):
            read_candles(data.encode())

    def test_a_site_of_coins(self, bars):
        days = bars["date"].dt.strftime("%Y-%m-%d 00:00:00 UTC")
        data = table(
            [days, bars["close"], bars["close"] * 1e6, bars["volume_quote"]],
            "snapped_at,price,market_cap,total_volume",
        )
        candles = read_candles(data.encode()).candles
        assert candles[["date", "close", "volume_quote"]].equals(bars[["date", "close", "volume_quote"]])

    def test_the_beginning_wins_over_the_end_in_any_order(self, bars):
        days = [(bars["date"] + pd.Timedelta(days=late)).dt.strftime("%Y-%m-%d") for late in (1, 0)]
        data = table([*days, *(bars[price] for price in PRICES)], "End,Start,Open,High,Low,Close")
        assert_prices(data, bars)

    @pytest.mark.parametrize("header", ["", "Tag,SETTLE,A,B,C", "Tag,A,Last Trade,B,C"])
    def test_the_advice_names_the_close(self, bars, header):
        first, second = ("close", "open") if "SETTLE" in header else ("open", "close")
        days = bars["date"].dt.strftime("%Y-%m-%d")
        data = table(
            [days, *(bars[name] for name in (first, second, "high", "low")), days],
            f"{header},D" if header else "",
        )
        with pytest.raises(CandleFileError) as refusal:
            read_candles(data.encode())
        advised = dict(
            pair.split("=") for pair in re.findall(r"--map (\S+)", str(refusal.value))[0].split(",")
        )
        assert (
            read_candles(data.encode(), mapping=advised).candles["close"].tolist() == bars["close"].tolist()
        )

    def test_cells_parted_by_spaces_are_told(self, bars):
        with pytest.raises(CandleFileError, match="Spaces alone"):
            read_candles(bars[["date", *PRICES]].to_string().encode())


class TestTwoTimes:
    """A unix time and a date a row."""

    @staticmethod
    def file(bars: pd.DataFrame, late: pd.Timedelta) -> bytes:
        unix = (bars["date"] + late).astype("int64") // 10**6
        days = bars["date"].dt.strftime("%Y-%m-%d")
        return table(
            [days, *(bars[price] for price in PRICES), unix], "Date,Open,High,Low,Close,Timestamp"
        ).encode()

    @pytest.mark.parametrize("days", [-3, -1, 1, 400])
    def test_days_apart_are_refused_and_the_advice_reads_the_dates(self, bars, days):
        data = self.file(bars, pd.Timedelta(days=days))
        with pytest.raises(CandleFileError, match="lie days apart") as refusal:
            read_candles(data)
        advised = dict(
            pair.split("=") for pair in re.findall(r"--map (\S+)", str(refusal.value))[0].split(",")
        )
        candles = read_candles(data, mapping=advised).candles
        assert_frame_equal(candles[["date", *PRICES]], bars[["date", *PRICES]])

    @pytest.mark.parametrize("hours", [-12, -9, -5.5, 0, 5, 8])
    def test_midnights_of_a_zone_are_of_the_days_written(self, bars, hours):
        candles = read_candles(self.file(bars, pd.Timedelta(hours=hours))).candles
        assert_frame_equal(candles[["date", *PRICES]], bars[["date", *PRICES]])


@pytest.mark.parametrize("hours", [2, 4, 6, 8, 12])
def test_bars_of_several_hours_are_none_of_ours(bars, hours):
    dates = pd.date_range("2020-01-01", periods=90, freq=f"{hours}h").astype(str)
    data = table([pd.Series(dates), *(bars[price] for price in PRICES)], "Date,Open,High,Low,Close")
    with pytest.raises(CandleFileError, match=f"{hours} hours apart"):
        read_candles(data.encode())


def test_rows_in_quotes_before_empty_cells_of_another_delimiter(bars):
    rows = table(
        [bars["date"].dt.strftime("%Y-%m-%d"), *(bars[price] * 100 for price in PRICES)],
        "Date,Open,High,Low,Close",
    )
    quoted = "".join(f'"{row}";;;\r\n' for row in rows.splitlines())
    assert_prices(quoted, bars, scale=100)


@pytest.mark.parametrize("rows", [40, 59, 90])
def test_decimal_signs_lost_on_some_rows(bars, rows):
    few = bars[:rows]
    written = [
        few.apply(
            lambda bar, price=price: f"{bar[price]:.2f}".replace(".", "" if bar.name % 3 else "."), axis=1
        )
        for price in PRICES
    ]
    data = table([few["date"].dt.strftime("%Y-%m-%d"), *written], "Date,Open,High,Low,Close")
    with pytest.raises(CandleFileError, match="Decimal signs"):
        read_candles(data.encode())


@pytest.mark.parametrize("columns", [PRICES, ("close",)])
@pytest.mark.parametrize("rest", [{5, 6}, {6}])
def test_days_of_rest_that_were_filled_with_the_last_close(bars, columns, rest):
    resting = bars["date"].dt.day_of_week.isin(rest)
    filled = bars.assign(
        **{price: bars["close"].mask(resting).ffill().where(resting, bars[price]) for price in PRICES}
    )
    data = table(
        [bars["date"].dt.strftime("%Y-%m-%d"), *(filled[name] for name in columns)],
        ",".join(["date", *columns]),
    )
    with pytest.raises(CandleFileError, match=r"no bar that moves on any .*Sunday"):
        read_candles(data.encode())


def test_cells_written_as_formulas(bars):
    cells = [
        bars["date"].dt.strftime('="%Y-%m-%d"'),
        *(bars[price].map(lambda number: f'="{number}"') for price in PRICES),
    ]
    assert_prices("\n".join(["Date,Open,High,Low,Close", *map(",".join, zip(*cells, strict=True))]), bars)


def test_the_advice_is_no_opening_price(bars):
    days = bars["date"].dt.strftime("%Y-%m-%d")
    header = "Tag,Start price,High price of day,Low price of day,Trade-price"
    data = table([days, *(bars[price] for price in PRICES)], header.replace("Start", "Opening"))
    with pytest.raises(CandleFileError, match="--map date=1,close=5"):
        read_candles(data.encode())


class TestDates:
    @pytest.mark.parametrize("day_first", [False, True])
    @pytest.mark.parametrize("lost", [0, 7])
    def test_days_and_months_that_a_spreadsheet_exchanged(self, bars, day_first, lost):
        """It takes what fits its own order for dates, and leaves the others as the text they were."""
        kept = bars[bars.index % 8 != 3] if lost else bars
        right, turned = ("%d/%m/%Y", "%m/%d/%Y") if day_first else ("%m/%d/%Y", "%d/%m/%Y")
        dates = [f"{day:{turned if day.day <= 12 else right}}" for day in kept["date"]]
        data = table([pd.Series(dates), kept["close"]], "Date,Close").encode()
        with pytest.raises(CandleFileError, match="exchanged by a spreadsheet"):
            read_candles(data)
        sound = table([kept["date"].dt.strftime(right), kept["close"]], "Date,Close").encode()
        assert read_candles(sound).candles["date"].tolist() == kept["date"].tolist()

    @pytest.mark.parametrize("form", ["%Y-%j", "%Y%j", "%G-W%V-%u"])
    def test_days_of_the_year_and_weeks_are_no_dates(self, bars, form):
        with pytest.raises(CandleFileError, match="unparseable"):
            read_candles(table([bars["date"].dt.strftime(form), bars["close"]], "Date,Close").encode())

    @pytest.mark.parametrize("digits", [4, 5, 6, 10])
    def test_day_numbers_with_hours(self, bars, digits):
        hours = pd.Series(pd.date_range("2020-01-01", periods=90, freq="h", unit="us"))
        numbers = (hours - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)
        data = table([numbers.map(lambda number: f"{number:.{digits}f}"), bars["close"]], "Date,Close")
        assert read_candles(data.encode()).candles["date"].tolist() == hours.tolist()

    @pytest.mark.parametrize(
        "form", ["%d/%m/%Y 00h00", "%b %d, %Y at 12:00 AM", "%b %dth, %Y", "%d-%b-%y 0.00.00"]
    )
    def test_forms_of_speech(self, bars, form):
        data = table([bars["date"].dt.strftime(form), bars["close"]], "Date,Close", ";")
        assert read_candles(data.encode()).candles["date"].tolist() == bars["date"].tolist()
