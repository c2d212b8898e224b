"""Days as the calendar has them: which are missing, and a table in which windows cannot jump over one unnoticed."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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


def missing_bars(bars: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Bars that are not there between the first and the last.

    Args:
        bars: Sorted, distinct starts of bars.
        step: From one bar to the next, in the same unit.

    Example:
        >>> missing_bars(np.array([0, 10, 40]), 10).tolist()
        [20, 30]
    """
    holes = np.diff(bars) // step - 1
    before = np.repeat(bars[:-1], holes)
    nth = np.arange(len(before)) - np.repeat(np.cumsum(holes) - holes, holes)
    missing: NDArray[np.int64] = before + (nth + 1) * step
    return missing


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
