"""Hourly candles to daily ones, by UTC days."""

from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import CANDLE_COLUMNS, CLOSE, DATE, HIGH, LOW, OPEN, TRADES, VOLUMES

MIN_HOURS: Final = 18
_LAST_HOUR: Final = np.timedelta64(23, "h")


def resample_daily(candles: pd.DataFrame, *, min_hours: int = MIN_HOURS) -> pd.DataFrame:
    """Daily candles from hourly ones.

    A day is made only if its last hour is there, so that its close is the day's, and at least `min_hours` of its
    hours; other days are left out and show as missing. A sum with an unknown hour is unknown (NaN).

    Args:
        candles: An hourly candle table.
        min_hours: Fewest hours that make a day, 1 to 24.

    Returns:
        A daily candle table.

    Example:
        24 hours with closes 1 … 24 give one day: open of the first hour, close 24.
    """
    if candles.empty:
        return candles[list(CANDLE_COLUMNS)].reset_index(drop=True)
    hours = candles[DATE].to_numpy()
    days = hours.astype("datetime64[D]")
    starts = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    ends = np.append(starts[1:], len(days)) - 1
    daily = {
        DATE: days[starts].astype("datetime64[us]"),
        OPEN: candles[OPEN].to_numpy()[starts],
        HIGH: np.maximum.reduceat(candles[HIGH].to_numpy(), starts),
        LOW: np.minimum.reduceat(candles[LOW].to_numpy(), starts),
        CLOSE: candles[CLOSE].to_numpy()[ends],
        **{name: np.add.reduceat(candles[name].to_numpy(), starts) for name in (*VOLUMES, TRADES)},
    }
    whole = (ends - starts + 1 >= min_hours) & (hours[ends] - days[ends] == _LAST_HOUR)
    table = pd.DataFrame(daily, columns=list(CANDLE_COLUMNS))
    return pd.DataFrame(table[whole]).reset_index(drop=True)
