"""What spreadsheets and copying do to files."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.candles import read_candles
from pipeline.candles.columns import PRICES
from pipeline.errors import CandleFileError
from pipeline.series import Series


@pytest.fixture
def prices(bars):
    return bars[["date", *PRICES]]


def sheet(
    bars: pd.DataFrame, date: str, *, header: str = "Date,Open,High,Low,Close", strip: bool = False
) -> bytes:
    """A table of dates and prices, in the form in which a spreadsheet saves it."""
    rows = []
    for bar in bars.itertuples():
        text = bar.date.strftime(date)
        if strip:
            text = "/".join(str(int(part)) for part in text.split("/"))
        rows.append(f"{text},{bar.open:g},{bar.high:g},{bar.low:g},{bar.close:g}")
    return "\n".join([header, *rows]).encode()


@pytest.mark.parametrize(
    ("date", "strip"),
    [
        ("%m/%d/%Y", False),
        ("%m/%d/%Y", True),
        ("%d/%m/%Y", False),
        ("%d/%m/%Y", True),
        ("%m/%d/%y", True),
        ("%d.%m.%Y", False),
        ("%d-%m-%Y", False),
        ("%Y/%m/%d", False),
        ("%Y%m%d", False),
        ("%d-%b-%y", False),
        ("%d-%b-%Y", False),
        ("%d %B %Y", False),
        ("%m/%d/%Y 0:00", False),
        ("%Y-%m-%dT00:00:00Z", False),
        ("%Y-%m-%dT00:00:00.000Z", False),
        ("%Y-%m-%d 00:00:00+00:00", False),
        ("%Y-%m-%d 00:00:00 UTC", False),
        ("%Y-%m-%d 00:00:00-05:00", False),
        ("%Y-%m-%d 00:00:00+09:00", False),
    ],
)
def test_dates_in_every_form(prices, date, strip):
    candles = read_candles(sheet(prices, date, strip=strip)).candles
    assert_frame_equal(candles[["date", *PRICES]], prices)


def test_spreadsheet_day_numbers(prices):
    days = (prices["date"] - pd.Timestamp("1899-12-30")).dt.days
    rows = [f"{day},{close:g}" for day, close in zip(days, prices["close"], strict=True)]
    candles = read_candles("\n".join(["Date,Close", *rows]).encode()).candles
    assert candles["date"].tolist() == prices["date"].tolist()


def test_month_names_before_days(prices):
    rows = [f'"{bar.date:%b %d, %Y}","{bar.close:,.2f}"' for bar in prices.itertuples()]
    candles = read_candles("\n".join(['"Date","Price"', *rows]).encode()).candles
    assert candles["date"].tolist() == prices["date"].tolist()


class TestDayOrMonth:
    def test_days_in_a_row_decide(self, prices):
        few = prices[:12]
        assert_frame_equal(read_candles(sheet(few, "%m/%d/%Y")).candles[["date", *PRICES]], few)
        assert_frame_equal(read_candles(sheet(few, "%d/%m/%Y")).candles[["date", *PRICES]], few)

    def test_unix_time_decides(self, prices):
        rows = [
            f"{int(bar.date.timestamp())},{bar.date:%d/%m/%Y},{bar.close:g}"
            for bar in prices[:2].itertuples()
        ]
        candles = read_candles("\n".join(["unix,date,close", *rows]).encode()).candles
        assert candles["date"].tolist() == prices["date"][:2].tolist()

    @pytest.mark.parametrize("dates", [["03/04/2020"], ["01/01/2020", "02/02/2020", "03/03/2020"]])
    def test_nothing_decides(self, dates):
        rows = [f"{date},{100 + place}" for place, date in enumerate(dates)]
        with pytest.raises(CandleFileError, match="day/month or month/day"):
            read_candles("\n".join(["Date,Close", *rows]).encode())

    def test_one_damaged_date_decides_nothing(self, prices):
        data = sheet(prices, "%m/%d/%Y").replace(b"02/14/2020", b"14/02/2020")
        assert read_candles(data).account.dropped == {"unparseable": 1}

    def test_both_in_one_file(self):
        with pytest.raises(CandleFileError, match="some dates as day/month"):
            read_candles(b"Date,Close\n13/01/2020,1\n01/14/2020,2\n")


class TestUnixTime:
    def test_that_lost_digits_gives_way_to_the_date(self, bars, vendor_lines, vendor_file):
        rows = [f"1.58E+12,{row.split(',', 1)[1]}" for row in vendor_lines(bars)]
        reading = read_candles(vendor_file(rows))
        assert_frame_equal(reading.candles, bars)
        assert reading.account.warnings == (
            "90 unix times lost digits in a spreadsheet; the dates are trusted.",
        )

    def test_that_was_rounded_and_written_out_again(self, bars, vendor_lines, vendor_file):
        parts = [row.partition(",") for row in vendor_lines(bars)]
        rows = [f"{round(int(unix), -7)}.0,{rest}" for unix, _, rest in parts]
        assert_frame_equal(read_candles(vendor_file(rows)).candles, bars)

    @pytest.mark.parametrize(
        ("factor", "form"), [(1, "d"), (10**3, "d"), (10**6, "d"), (10**9, "d"), (1, ".1f")]
    )
    def test_alone_in_every_unit(self, prices, factor, form):
        rows = [f"{int(bar.date.timestamp()) * factor:{form}},{bar.close:g}" for bar in prices.itertuples()]
        candles = read_candles("\n".join(["timestamp,close", *rows]).encode()).candles
        assert candles["date"].tolist() == prices["date"].tolist()

    def test_that_lost_digits_without_a_date(self):
        with pytest.raises(CandleFileError, match=r"no usable row.*1.61093E\+12.*as it was downloaded"):
            read_candles(b"unix,close\n1.61093E+12,5\n1.61094E+12,6\n")


class TestNumbers:
    def test_grouped_in_quotes(self, bars):
        big = bars.assign(**{price: bars[price] * 1000 for price in PRICES})
        rows = [
            f'{bar.date:%Y-%m-%d},"{bar.open:,.1f}","{bar.high:,.1f}","{bar.low:,.1f}","{bar.close:,.1f}"'
            for bar in big.itertuples()
        ]
        candles = read_candles("\n".join(["Date,Open,High,Low,Close", *rows]).encode()).candles
        assert_frame_equal(candles[list(PRICES)], big[list(PRICES)])

    @pytest.mark.parametrize("first_line", ["", "sep=;\n"])
    def test_decimal_commas(self, bars, first_line):
        exact = bars.assign(**{price: bars[price] * 1000.25 for price in PRICES})

        def german(value):
            return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))

        rows = [
            ";".join([f"{bar.date:%d.%m.%Y}", *map(german, (bar.open, bar.high, bar.low, bar.close))])
            for bar in exact.itertuples()
        ]
        text = first_line + "\n".join(["Date;Open;High;Low;Close", *rows])
        candles = read_candles(text.encode()).candles
        assert_frame_equal(candles[["date", *PRICES]], exact[["date", *PRICES]], rtol=1e-12)

    def test_suffixes_signs_and_percents(self, prices):
        rows = [
            f'"{bar.date:%b %d, %Y}","${bar.close:,.1f}","{bar.close / 10:.2f}K","1.2%"'
            for bar in prices.itertuples()
        ]
        reading = read_candles("\n".join(['"Date","Price","Vol.","Change %"', *rows]).encode())
        assert any("K, M, B" in warning for warning in reading.account.warnings)
        candles = reading.candles
        assert_frame_equal(candles[["close"]], prices[["close"]])
        assert candles["volume_base"].tolist() == pytest.approx((prices["close"] * 100).tolist(), rel=1e-3)

    def test_rows_of_nulls(self, prices):
        data = sheet(prices, "%Y-%m-%d") + b"\n2020-03-31,null,null,null,null\n"
        assert read_candles(data).account.dropped == {"no price": 1}


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_in_other_encodings(self, bars, vendor_file, encoding):
        assert_frame_equal(read_candles(vendor_file().decode().encode(encoding)).candles, bars)

    @pytest.mark.parametrize("end", ["\r\n", "\r"])
    def test_with_other_line_ends(self, bars, vendor_file, end):
        assert_frame_equal(read_candles(vendor_file(end=end)).candles, bars)

    def test_without_a_final_line_end(self, bars, vendor_file):
        assert_frame_equal(read_candles(vendor_file().rstrip()).candles, bars)

    def test_with_bytes_that_are_no_text(self, bars, vendor_file):
        data = vendor_file().replace(b"2020-02-03,BTC", b"2020-02-03,B\xffC")
        reading = read_candles(data)
        assert reading.account.dropped == {"other symbol": 1}
        assert any("not text" in warning for warning in reading.account.warnings)

    def test_with_quotes_around_everything(self, bars, vendor_lines, vendor_file):
        rows = [",".join(f'"{cell}"' for cell in row.split(",")) for row in vendor_lines(bars)]
        assert_frame_equal(read_candles(vendor_file(rows)).candles, bars)

    def test_a_quote_left_open_costs_one_row(self, bars, vendor_lines, vendor_file):
        rows = vendor_lines(bars)
        rows[5] = rows[5].replace(",BTC", ',"BTC')
        assert read_candles(vendor_file(rows)).account.dropped == {"unparseable": 1}

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    def test_with_other_delimiters(self, bars, vendor_file, delimiter):
        assert_frame_equal(read_candles(vendor_file().replace(b",", delimiter.encode())).candles, bars)

    def test_with_spaces_around_cells(self, bars, vendor_file):
        assert_frame_equal(read_candles(vendor_file().replace(b",", b" , ")).candles, bars)


class TestRows:
    def test_blank_and_comma_only(self, bars, vendor_lines, vendor_file):
        rows = [*vendor_lines(bars), *["," * 9] * 300, "", " , ,"]
        reading = read_candles(vendor_file(rows))
        assert reading.account.dropped == {"blank": 302}
        assert reading.account.rows_read == 392

    def test_ragged(self, bars, vendor_lines, vendor_file):
        rows = vendor_lines(bars)
        rows[3] += ",extra"
        rows[4] += ",,,"
        rows[5] = ",".join(rows[5].split(",")[:6])
        reading = read_candles(vendor_file(rows))
        assert reading.account.dropped == {"unparseable": 2}
        assert reading.account.missing == ("2020-01-04", "2020-01-06")

    def test_unquoted_groups_shift_cells_and_are_refused(self):
        rows = [
            f"2020-01-{day:02d},7,2{day:02d}.50,7,3{day:02d}.50,7,1{day:02d}.50,7,2{day:02d}.75"
            for day in range(1, 20)
        ]
        with pytest.raises(CandleFileError, match="none of them a row"):
            read_candles("\n".join(["Date,Open,High,Low,Close", *rows]).encode())

    def test_extra_and_unnamed_columns(self, bars, vendor_lines):
        header = ",Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount,Change,,"
        rows = [f"{place},{row},0.5,," for place, row in enumerate(vendor_lines(bars))]
        assert_frame_equal(read_candles("\n".join([header, *rows]).encode()).candles, bars)

    def test_columns_in_another_order(self, bars):
        order = ["close", "trades", "low", "date", "volume_quote", "high", "open", "volume_base"]
        names = {"trades": "tradecount", "volume_base": "Volume BTC", "volume_quote": "Volume USDT"}
        data = bars[order].rename(columns=names).to_csv(index=False).encode()
        assert_frame_equal(read_candles(data).candles, bars)

    def test_a_header_anywhere(self, bars, vendor_lines, vendor_file):
        rows = vendor_lines(bars)
        header = "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"
        data = "\n".join([*rows[:40], header, *rows[40:]]).encode()
        assert_frame_equal(read_candles(data).candles, bars)


class TestYahoo:
    def test_plain(self, bars):
        rows = bars[["date", *PRICES]].assign(adj=bars["close"], volume=(bars["volume_quote"]).astype(int))
        rows.columns = ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"]
        reading = read_candles(rows.to_csv(index=False, date_format="%Y-%m-%d").encode())
        assert reading.account.format == "Yahoo"
        assert reading.account.verdict == "usable"
        assert_frame_equal(reading.candles[["date", *PRICES]], bars[["date", *PRICES]])
        assert reading.candles["volume_quote"].tolist() == rows["Volume"].tolist()
        assert reading.candles["volume_base"].isna().all()

    def test_history_with_dividends(self, bars):
        rows = bars[["date", *PRICES]].assign(volume=5, dividends=0.0, splits=0.0)
        rows.columns = ["Date", "Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"]
        reading = read_candles(rows.to_csv(index=False, date_format="%Y-%m-%d 00:00:00+00:00").encode())
        assert reading.account.format == "Yahoo"
        assert_frame_equal(reading.candles[["date", *PRICES]], bars[["date", *PRICES]])

    @pytest.mark.parametrize(
        "head",
        [
            "Price,Close,High,Low,Open,Volume\nTicker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD\nDate,,,,,",
            "Ticker,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD\nPrice,Close,High,Low,Open,Volume\nDate,,,,,",
            ",Close,High,Low,Open,Volume\n,BTC-USD,BTC-USD,BTC-USD,BTC-USD,BTC-USD\nDate,,,,,",
        ],
    )
    def test_headers_of_several_rows(self, bars, head):
        rows = [
            f"{bar.date:%Y-%m-%d},{bar.close},{bar.high},{bar.low},{bar.open},7" for bar in bars.itertuples()
        ]
        reading = read_candles("\n".join([head, *rows]).encode())
        assert (reading.account.format, reading.account.series.symbol) == ("Yahoo", "BTCUSD")
        assert reading.account.rows_read == 90
        assert_frame_equal(reading.candles[["date", *PRICES]], bars[["date", *PRICES]])

    def test_several_tickers(self, bars):
        fields = ["Close", "High", "Low", "Open"]
        head = "\n".join(
            [
                ",".join(["Price", *(field for field in fields for _ in range(2))]),
                ",".join(["Ticker", *["BTC-USD", "ETH-USD"] * 4]),
                "Date" + "," * 8,
            ]
        )
        rows = [
            f"{bar.date:%Y-%m-%d},9,{bar.close},10,{bar.high},8,{bar.low},8.5,{bar.open}"
            for bar in bars.itertuples()
        ]
        data = "\n".join([head, *rows]).encode()
        with pytest.raises(CandleFileError, match="BTC-USD, ETH-USD"):
            read_candles(data)
        candles = read_candles(data, series=Series.parse("yahoo/ETHUSD/1d")).candles
        assert_frame_equal(candles[["date", *PRICES]], bars[["date", *PRICES]])


class TestMapping:
    def test_a_date_and_a_close(self, bars):
        rows = bars[["date", "close"]].rename(columns={"date": "Day", "close": "Price (USD)"})
        data = rows.to_csv(index=False, date_format="%d/%m/%Y").encode()
        reading = read_candles(data, mapping={"date": "Day", "close": "Price (USD)"})
        assert reading.account.format == "CSV"
        assert all((reading.candles[price] == bars["close"]).all() for price in PRICES)
        assert "The file has no open, high, low" in reading.account.warnings[0]

    def test_wins_over_what_names_suggest(self, bars):
        data = bars.assign(Mid=bars["close"] - 0.25).to_csv(index=False).encode()
        reading = read_candles(data, mapping={"date": "date", "close": "Mid"})
        assert_frame_equal(reading.candles[["close"]], bars[["close"]] - 0.25)

    def test_of_every_column(self, bars):
        names = dict(zip(bars.columns, "ABCDEFGH", strict=True))
        data = bars.rename(columns=names).to_csv(index=False, sep=";").encode()
        assert_frame_equal(read_candles(data, mapping=names).candles, bars)

    def test_a_column_that_is_not_there(self):
        with pytest.raises(CandleFileError, match="date Tag"):
            read_candles(b"Day,Price\n2020-01-01,5\n", mapping={"date": "Tag", "close": "Price"})

    def test_a_role_that_is_not_there(self):
        with pytest.raises(CandleFileError, match="no 'price'"):
            read_candles(b"Day,Price\n2020-01-01,5\n", mapping={"date": "Day", "price": "Price"})


def test_one_unnamed_volume_is_the_base_and_told(bars, vendor_lines, vendor_file):
    rows = [",".join(row.split(",")[:8]) for row in vendor_lines(bars)]
    reading = read_candles(vendor_file(rows, header="Unix Timestamp,Date,Symbol,Open,High,Low,Close,Volume"))
    assert_frame_equal(reading.candles, bars.assign(volume_quote=np.nan, trades=np.nan))
    assert reading.account.warnings == ("The volume's currency is not named; it is taken as the base's.",)


def test_a_date_and_a_time_of_day(bars):
    hours = bars.assign(date=pd.date_range("2020-01-01", periods=90, freq="h", unit="us"))
    rows = [
        f"{bar.date:%Y.%m.%d},{bar.date:%H:%M},{bar.open},{bar.high},{bar.low},{bar.close}"
        for bar in hours.itertuples()
    ]
    data = "\n".join(["<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>", *rows]).encode()
    candles = read_candles(data).candles
    assert_frame_equal(candles[["date", *PRICES]], hours[["date", *PRICES]])


def test_an_exchanges_own_export(bars):
    names = [
        "Open time",
        "Open",
        "High",
        "Low",
        "Close",
        "Volume",
        "Close time",
        "Quote asset volume",
        "Number of trades",
    ]
    close_time = bars["date"] + pd.Timedelta("23:59:59.999")
    columns = [bars["date"], *(bars[price] for price in PRICES), bars["volume_base"], close_time]
    table = pd.concat([*columns, bars["volume_quote"], bars["trades"].astype(int)], axis=1, keys=names)
    assert_frame_equal(read_candles(table.to_csv(index=False).encode()).candles, bars)


def test_bars_stamped_with_their_end(bars):
    table = bars.assign(date=bars["date"] + pd.Timedelta("23:59:59.999"))
    table = table.rename(
        columns={"date": "timestamp", "volume_base": "Volume BTC", "volume_quote": "Volume USD"}
    )
    data = table.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S.999Z").encode()
    assert_frame_equal(read_candles(data).candles, bars)


def test_table_upon_table_is_refused():
    tables = "".join(f"Date,Close,extra{number}\n2020-01-01,5,\n" for number in range(300))
    with pytest.raises(CandleFileError, match="more than 200 tables"):
        read_candles(tables.encode())
