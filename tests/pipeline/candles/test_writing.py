import pandas as pd
import pytest

from pipeline.candles import candles_csv, read_candles, write_candles
from pipeline.errors import InputError


def test_csv_is_plain_text_with_iso_dates(bars):
    lines = candles_csv(bars).decode().splitlines()
    assert lines[0] == "date,open,high,low,close,volume_base,volume_quote,trades"
    assert lines[1] == "2020-01-01,100.0,102.0,99.0,101.0,10.0,1005.0,50.0"


def test_hours_carry_their_time(bars):
    hours = bars.assign(date=pd.date_range("2020-01-01", periods=90, freq="h", unit="us"))
    assert candles_csv(hours).decode().splitlines()[2].startswith("2020-01-01T01:00:00,")


def test_files_hold_the_same_values(bars, tmp_path):
    write_candles(bars, tmp_path / "candles.csv")
    pd.testing.assert_frame_equal(read_candles((tmp_path / "candles.csv").read_bytes()).candles, bars)
    write_candles(bars, tmp_path / "candles.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "candles.parquet"), bars)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "candles.csv",
        "candles.parquet",
    ]


def test_what_cannot_be_written_says_so(bars, tmp_path):
    with pytest.raises(InputError, match=r"\.csv or \.parquet"):
        write_candles(bars, tmp_path / "candles.xlsx")
    with pytest.raises(InputError, match="Name a folder that exists"):
        write_candles(bars, tmp_path / "nowhere" / "candles.csv")
