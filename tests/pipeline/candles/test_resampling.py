import numpy as np
import pandas as pd
import pytest

from pipeline.candles import resample_daily
from pipeline.candles.columns import CANDLE_COLUMNS


@pytest.fixture
def hours() -> pd.DataFrame:
    """Three days of hours: closes 1, 2, … 72."""
    close = 1.0 + np.arange(72)
    return pd.DataFrame(
        {
            "date": pd.date_range("2020-01-01", periods=72, freq="h", unit="us"),
            "open": close - 0.5,
            "high": close + 1,
            "low": close - 0.75,
            "close": close,
            "volume_base": 2.0,
            "volume_quote": 2 * close,
            "trades": 3.0,
        }
    )


def test_by_pandas(hours):
    expected = (
        hours.resample("D", on="date")
        .agg(
            {
                "open": "first",
                "high": "max",
                "low": "min",
                "close": "last",
                **dict.fromkeys(["volume_base", "volume_quote", "trades"], "sum"),
            }
        )
        .reset_index()
    )
    pd.testing.assert_frame_equal(resample_daily(hours), expected[list(CANDLE_COLUMNS)], check_freq=False)


def test_a_day_without_its_last_hour_is_no_day(hours):
    assert resample_daily(hours.drop(index=47))["close"].tolist() == [24.0, 72.0]
    assert resample_daily(hours[:60])["close"].tolist() == [24.0, 48.0]


def test_a_day_with_few_hours_is_no_day(hours):
    holed = hours.drop(index=range(24, 31)).reset_index(drop=True)
    assert len(resample_daily(holed)) == 2
    assert resample_daily(holed, min_hours=17)["open"].tolist() == [0.5, 31.5, 48.5]


def test_an_unknown_hour_makes_the_sum_unknown(hours):
    hours.loc[30, "trades"] = np.nan
    assert resample_daily(hours)["trades"].isna().tolist() == [False, True, False]


def test_nothing(hours):
    assert list(resample_daily(hours[:0]).columns) == list(CANDLE_COLUMNS)
