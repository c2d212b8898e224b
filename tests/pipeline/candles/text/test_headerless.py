"""Files without a header: known forms are read, of all others the advice can be followed."""

import re

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.candles import read_candles
from pipeline.candles.columns import PRICES
from pipeline.errors import CandleFileError


def seconds(bars: pd.DataFrame) -> pd.Series:
    return (bars["date"] - pd.Timestamp(0)) // pd.Timedelta(seconds=1)


def lines(*columns: pd.Series | str, end: str = "\n", delimiter: str = ",") -> bytes:
    rows = zip(*([column] * 90 if isinstance(column, str) else column for column in columns), strict=True)
    return (end.join(delimiter.join(str(cell) for cell in row) for row in rows) + end).encode()


def prices(bars: pd.DataFrame) -> list[pd.Series]:
    return [bars[price] for price in PRICES]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("factor", [1000, 1_000_000])
def test_binances_klines(bars, factor, end):
    start = seconds(bars) * factor
    data = lines(
        *(start, *prices(bars), bars["volume_base"], start + 86_400 * factor - 1, bars["volume_quote"]),
        *(bars["trades"].astype(int), "5.5", "6.5", "0"),
        end=end,
    )
    reading = read_candles(data)
    assert_frame_equal(reading.candles, bars)
    assert (reading.account.format, reading.account.verdict) == ("Binance klines", "usable")
    assert reading.account.rows_read == 90


def test_units_that_change_inside_a_joined_file(bars):
    start = seconds(bars) * 1000
    start[40:] *= 1000
    columns = (
        start,
        *prices(bars),
        bars["volume_base"],
        start,
        bars["volume_quote"],
        bars["trades"].astype(int),
    )
    assert_frame_equal(read_candles(lines(*columns, "1", "1", "0")).candles, bars)


def test_krakens_ohlcvt(bars):
    data = lines(seconds(bars), *prices(bars), bars["volume_base"], bars["trades"].astype(int))
    reading = read_candles(data)
    assert_frame_equal(reading.candles.drop(columns="volume_quote"), bars.drop(columns="volume_quote"))
    assert (reading.account.format, reading.account.verdict) == ("Kraken OHLCVT", "usable")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "date", ["%Y%m%dT", "%Y%m%d", "%Y%m%d 000000", "%Y-%m-%d", "%d.%m.%Y", "%Y%m%dT0000"]
)
@pytest.mark.parametrize("volume", [False, True])
def test_dates_and_prices(bars, date, delimiter, volume):
    columns = [bars["date"].dt.strftime(date), *prices(bars), *([bars["volume_base"]] if volume else [])]
    candles = read_candles(lines(*columns, delimiter=delimiter)).candles
    assert_frame_equal(candles[["date", *PRICES]], bars[["date", *PRICES]])
    assert candles["volume_base"].notna().all() == volume


def test_dates_and_clocks(bars):
    hours = bars.assign(date=pd.date_range("2020-01-01", periods=90, freq="h", unit="us"))
    days, clocks = hours["date"].dt.strftime("%Y.%m.%d"), hours["date"].dt.strftime("%H:%M")
    candles = read_candles(lines(days, clocks, *prices(hours), hours["volume_base"])).candles
    assert_frame_equal(candles[["date", *PRICES]], hours[["date", *PRICES]])


def test_another_order_of_prices_is_not_guessed(bars):
    with pytest.raises(CandleFileError, match="--map date=1,close="):
        read_candles(lines(seconds(bars), bars["low"], bars["high"], bars["open"], bars["close"]))


class TestByNumber:
    @pytest.mark.parametrize("head", ["", "Tag;Schluss;Hoch\n", "My prices\n\nTag;Schluss;Hoch\n"])
    def test_with_a_header_and_without(self, bars, head):
        data = head.encode() + lines(
            bars["date"].dt.strftime("%d.%m.%Y"), bars["close"], bars["high"], delimiter=";"
        )
        reading = read_candles(data, mapping={"date": "1", "close": "2", "high": "3"})
        assert reading.candles["close"].tolist() == bars["close"].tolist()
        assert reading.candles["date"].tolist() == bars["date"].tolist()
        assert reading.account.rows_read == 90

    def test_beside_names(self, bars):
        data = lines(bars["date"].dt.strftime("%Y-%m-%d"), bars["close"] * 3, bars["close"])
        named = b"Date,Close,Mine\n" + data
        assert read_candles(named, mapping={"close": "3"}).candles["close"].tolist() == bars["close"].tolist()
        by_all = read_candles(named, mapping={"date": "1", "close": "3"})
        assert by_all.candles["close"].tolist() == bars["close"].tolist()

    def test_a_number_that_no_line_has(self, bars):
        with pytest.raises(CandleFileError, match="date 1, close 9"):
            read_candles(lines(seconds(bars), *prices(bars)), mapping={"date": "1", "close": "9"})

    def test_numbers_that_hold_no_time_are_not_taken_for_names(self):
        data = b"Date,Close\n" + b"########,1\n" * 250
        with pytest.raises(CandleFileError, match="No line has digits in the columns"):
            read_candles(data, mapping={"date": "1", "close": "2"})

    @pytest.mark.parametrize(
        ("head", "advice"),
        [
            ("Day,Open,High,Low,Return", "None of its named columns holds a close"),
            ("Day,Open,High,Low,Mine", "--map date=1,close=5 "),
            ("Day,Open,Mine,Volume,Return", "--map date=1,close=3 "),
        ],
    )
    def test_the_advice_never_numbers_a_column_of_another_name(self, head, advice):
        last = "0.1%" if head.endswith("Return") else "4.5"
        with pytest.raises(CandleFileError, match=advice):
            read_candles(f"{head}\n2020-01-01,4,5,3,{last}\n2020-01-02,4,5,3,{last}\n".encode())

    def test_a_name_that_holds_commas(self, bars):
        rows = lines(bars["date"].dt.strftime("%Y-%m-%d"), bars["close"])
        data = b'Day,"Price, in USD, closing"\n' + rows
        mapping = {"date": "Day", "close": "Price, in USD, closing"}
        assert read_candles(data, mapping=mapping).candles["close"].tolist() == bars["close"].tolist()


# Tables that cannot be understood without a word: (header, columns of the bars in order).
UNKNOWN = {
    "reversed prices": ("", ["close", "low", "high", "open"]),
    "close alone": ("", ["close"]),
    "names of another language": ("Tag,Eröffnung,Hoch,Tief,Schluss", ["open", "high", "low", "close"]),
    "names with commas": ('Day,"Price, USD"', ["close"]),
    "names for machines": ("a,b,c,d,e,f", ["open", "high", "low", "close", "volume_base"]),
    "numbers for names": ("0,1,2", ["close", "high"]),
    "a title above": ("Bitcoin\nDay,Price", ["close"]),
    "nine columns": ("", ["open", "high", "low", "close", "volume_base", "close", "close", "close"]),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("date", ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "unix", "ms", "%d %B %Y"])
def test_the_advice_can_be_followed(bars, name, delimiter, date):
    header, names = UNKNOWN[name]
    units = {"unix": 1, "ms": 1000}
    written = seconds(bars) * units[date] if date in units else bars["date"].dt.strftime(date)
    above = header if '"' in header and delimiter != "," else header.replace(",", delimiter)
    above = header if '"' in header and delimiter == "," else above
    data = (f"{above}\n" if header else "").encode() + lines(
        written, *(bars[column] for column in names), delimiter=delimiter
    )
    mapping = advised(data)
    reading = read_candles(data, mapping=mapping)
    # The close is the fourth of four prices or more, as everywhere; of fewer it is the first.
    expected = names[3] if len(names) > 3 else names[0]
    assert mapping is None or reading.candles["close"].tolist() == bars[expected].tolist()
    assert reading.candles["date"].tolist() == bars["date"].tolist()


def advised(data: bytes) -> dict[str, str] | None:
    """The mapping that the refusal of a file advises; None where it can be read without one."""
    try:
        read_candles(data)
    except CandleFileError as refusal:
        return dict(pair.split("=") for pair in re.findall(r"--map (\S+)", str(refusal))[0].split(","))
    return None


@pytest.mark.parametrize("data", [b"hello world\nthis is no table\n", b"1,2\n3,4\n", b"a,b,c\nx,y,z\n"])
def test_no_advice_that_cannot_help(data):
    with pytest.raises(CandleFileError, match="Give a table of candles"):
        read_candles(data)
