"""Days as the calendar has them: which are missing, and a table in which windows cannot jump over one unnoticed."""

from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import (
    CANDLE_COLUMNS,
    CLOSE,
    DATE,
    FILLED,
    GRID_COLUMNS,
    PRICES,
    SEGMENT,
    TRADES,
    VOLUMES,
)

MAX_FILL: Final = 12
_DAY: Final = np.timedelta64(1, "D")


def missing_dates(dates: "pd.Series[pd.Timestamp]", step: pd.Timedelta) -> pd.DatetimeIndex:
    """Instants without a candle between the first and the last date.

    Args:
        dates: Sorted, unique dates of a candle table.
        step: Time from one candle to the next.
    """
    if dates.empty:
        return pd.DatetimeIndex([])
    expected = pd.date_range(dates.iloc[0], dates.iloc[-1], freq=step, unit="us")
    return expected.difference(pd.DatetimeIndex(dates))


def daily_grid(candles: pd.DataFrame, *, max_fill: int = MAX_FILL) -> pd.DataFrame:
    """Every calendar day from the first candle to the last, but for holes too long to fill.

    A missing day repeats the last close in all four prices, with volumes and trades 0 and `filled` True: it uses
    nothing that came later. A hole of more than `max_fill` days is left out, and `segment` grows by one after it,
    so that a window inside one segment never spans an unfilled hole.

    Args:
        candles: A daily candle table.
        max_fill: Longest hole, in days, that is filled.

    Returns:
        A table with GRID_COLUMNS, oldest first.

    Raises:
        ValueError: The candles are not daily.
    """
    days = candles[DATE].to_numpy()
    if (days.astype("datetime64[D]") != days).any():
        raise ValueError("daily_grid takes daily candles; resample hourly ones with resample_daily first")
    gaps = np.diff(days) // _DAY if len(days) else np.array([], dtype=np.int64)
    holes = gaps - 1
    repeats = np.append(np.where(holes > max_fill, 0, holes), 0)[: len(days)] + 1
    source = np.repeat(np.arange(len(days)), repeats)
    offset = np.arange(len(source)) - np.searchsorted(source, source)
    grid = candles[list(CANDLE_COLUMNS)].iloc[source].reset_index(drop=True)
    filled = offset > 0
    grid[DATE] = days[source] + offset * _DAY
    for price in PRICES:
        grid[price] = np.where(filled, grid[CLOSE], grid[price])
    for amount in (*VOLUMES, TRADES):
        grid[amount] = np.where(filled, 0.0, grid[amount])
    grid[FILLED] = filled
    grid[SEGMENT] = np.concatenate([[0], np.cumsum(holes > max_fill)])[source].astype(np.int64)
    return grid[list(GRID_COLUMNS)]
