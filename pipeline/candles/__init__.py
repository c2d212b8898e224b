"""Candle files in, candle tables out."""

from pipeline.candles.account import Account, Reading
from pipeline.candles.grid import daily_grid
from pipeline.candles.reading import read_candles
from pipeline.candles.resampling import resample_daily
from pipeline.candles.writing import candles_csv, write_candles

__all__ = [
    "Account",
    "Reading",
    "candles_csv",
    "daily_grid",
    "read_candles",
    "resample_daily",
    "write_candles",
]
