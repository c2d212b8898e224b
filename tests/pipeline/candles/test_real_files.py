"""An audit of real files; they are not part of the project, and the tests skip where they are not."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.candles import daily_grid, read_candles, resample_daily
from pipeline.candles.columns import PRICES
from pipeline.errors import CandleFileError
from pipeline.series import Series

pytestmark = pytest.mark.slow

# Rows kept and dropped; the drops were counted with grep and pandas before the intake could read the files.
BOOKS = {
    "cdd/binance_BTCUSDT_1h__2020-12-30.csv": (29531, {"superseded": 2649, "unfinished": 1}),
    "cdd/binance_BTCUSDT_d__2020-12-30.csv": (1231, {"superseded": 1, "unfinished": 1}),
    "cdd/binance_BTCUSDT_d__2026-03-30.csv": (3142, {}),
    "cdd/gemini_BTCUSD_d__2025-10-20.csv": (3665, {"zero price": 1, "overlapping bar": 353}),
    "cdd/kraken_BTCUSD_1h__2019-10-29.csv": (20407, {"repeated bar": 5}),
    "cdd/poloniex_BTCUSDT_d__2021-08-14.csv": (2375, {"junk": 193, "unfinished": 1}),
    "edited/bitstamp_BCHUSD_d__2021-10-17_nobanner.csv": (1389, {"zero price": 1037, "unfinished": 1}),
    "edited/gemini_ETHUSD_d__2023-04_excel-trailing-blank-rows.csv": (2529, {"blank": 356, "zero price": 1}),
    "edited/kraken_BTCUSD_d__2019-09-14_excel-ddmmyyyy.csv": (2158, {}),
    "heartbeat/btc.csv": (1273, {}),
    "yahoo/BTC-USD_2016-12-14_2020-12-14.csv": (1462, {}),
}
CONCATENATED = "bitfinex_BTC_ETH_LTC-USD__2021-10-17_concat.csv"


def candles_of(path: Path) -> pd.DataFrame:
    return read_candles(path.read_bytes()).candles


def test_every_file_has_balanced_books_and_sane_candles(market):
    files = sorted(market.rglob("*.csv"))
    assert len(files) > 30
    for path in files:
        if path.name == CONCATENATED:
            continue
        reading = read_candles(path.read_bytes())
        account, candles = reading.account, reading.candles
        assert account.rows_read == account.rows_kept + sum(account.dropped.values()), path.name
        assert account.rows_kept == len(candles) > 20, path.name
        assert account.verdict in {"usable", "usable with warnings"}, path.name
        assert candles["date"].is_unique, path.name
        assert candles["date"].is_monotonic_increasing, path.name
        assert (candles[list(PRICES)] > 0).all(axis=None), path.name
        assert (candles["high"] >= candles[["open", "close", "low"]].max(axis=1)).all(), path.name
        assert (candles["low"] <= candles[["open", "close"]].min(axis=1)).all(), path.name
        assert "unparseable" not in account.dropped, path.name


@pytest.mark.parametrize("name", BOOKS)
def test_the_books_of_files_that_were_counted(market, name):
    account = read_candles((market / name).read_bytes()).account
    assert (account.rows_kept, account.dropped) == BOOKS[name]


def test_volumes_are_on_their_sides_in_every_file(market):
    """Base × price is quote, within the day's range, nearly always."""
    for path in sorted((market / "cdd").glob("*.csv")):
        candles = candles_of(path).dropna(subset=["volume_base", "volume_quote"])
        traded = candles[candles["volume_base"] > 1e-3]
        average = traded["volume_quote"] / traded["volume_base"]
        inside = (average > traded["low"] * 0.95) & (average < traded["high"] * 1.05)
        assert inside.mean() > 0.985 or not len(traded), path.name


def test_two_vintages_agree_wherever_the_vendor_did_not_restate(market):
    old, new = (market / "cdd" / f"binance_BTCUSDT_d__{day}.csv" for day in ("2020-12-30", "2026-03-30"))
    unchanged = {
        day: prices
        for day, prices in rows_by_day(old).items()
        if [sorted(row) for row in prices] == [sorted(row) for row in rows_by_day(new).get(day, [])]
    }
    read_old, read_new = (candles_of(path).set_index("date")[list(PRICES)] for path in (old, new))
    shared = [day for day in map(pd.Timestamp, unchanged) if day in read_old.index]
    assert len(shared) > 1000
    assert_frame_equal(read_old.loc[shared], read_new.loc[shared])
    assert set(read_old.index) <= set(read_new.index)


def rows_by_day(path: Path) -> dict[str, list[tuple[float, ...]]]:
    """Prices of each day as the csv module reads them: an oracle that shares nothing with the intake."""
    days: dict[str, list[tuple[float, ...]]] = {}
    with path.open(newline="") as stream:
        for row in csv.reader(stream):
            if len(row) > 6 and row[0][:1].isdigit():
                days.setdefault(row[1][:10], []).append(tuple(float(cell) for cell in row[3:7]))
    return days


def test_the_texts_own_files(market):
    lecture = candles_of(market / "yahoo" / "BTC-USD_2016-12-14_2020-12-14.csv")
    assert (len(lecture), lecture["close"].max(), lecture["close"].min()) == (1462, 19625.835938, 777.757019)
    article = candles_of(market / "heartbeat" / "btc.csv")
    assert (len(article), str(article["date"].iloc[0].date()), str(article["date"].iloc[-1].date())) == (
        1273,
        "2014-12-01",
        "2018-05-26",
    )


def test_a_spreadsheet_changes_nothing(market):
    """The same download before and after a spreadsheet turned its dates to D/M/YYYY."""
    before = candles_of(market / "cdd" / "kraken_BTCUSD_d__2019-09-14.csv")
    after = candles_of(market / "edited" / "kraken_BTCUSD_d__2019-09-14_excel-ddmmyyyy.csv")
    # Only the banner told that the newest day was unfinished.
    assert_frame_equal(after[: len(before)], before, rtol=1e-3)
    assert_frame_equal(after.loc[before.index, list(PRICES)], before[list(PRICES)])
    assert len(after) == len(before) + 1


def test_markets_in_one_file_are_refused_or_split(market):
    data = (market / "edited" / CONCATENATED).read_bytes()
    with pytest.raises(CandleFileError, match="BTCUSD, ETHUSD"):
        read_candles(data)
    readings = [
        read_candles(data, series=Series.parse(f"bitfinex/{symbol}/1d")) for symbol in ("BTCUSD", "ETHUSD")
    ]
    for reading in readings:
        assert (
            reading.account.rows_read
            == 4492
            == reading.account.rows_kept + sum(reading.account.dropped.values())
        )
    assert readings[0].candles["close"].iloc[-1] == 60868.0
    assert readings[1].candles["open"].iloc[0] == 10.3


def test_hours_make_the_vendors_days(market):
    """Hourly candles, put together, are the daily candles of the same day's download."""
    hours = resample_daily(candles_of(market / "cdd" / "binance_BTCUSDT_1h__2020-12-30.csv")).set_index(
        "date"
    )
    days = candles_of(market / "cdd" / "binance_BTCUSDT_d__2020-12-30.csv").set_index("date")
    recent = days.index[days.index >= "2020-11-20"].intersection(hours.index)
    assert len(recent) == 40
    assert_frame_equal(hours.loc[recent, list(PRICES)], days.loc[recent, list(PRICES)])
    seam = ["2017-09-23", "2017-09-24", "2017-09-25"]
    final = candles_of(market / "cdd" / "binance_BTCUSDT_d__2026-03-30.csv").set_index("date")
    np.testing.assert_allclose(hours.loc[seam, "close"], final.loc[seam, "close"], rtol=1e-9)


def test_the_twelve_day_hole_is_filled_and_flagged(market):
    grid = daily_grid(candles_of(market / "cdd" / "bitstamp_BTCUSD_d__2019-05-20.csv"))
    hole = grid[grid["date"].between("2019-03-20", "2019-03-31")]
    assert hole["filled"].all()
    assert len(hole) == 12 == grid["filled"].sum()
    assert (grid["segment"] == 0).all()
