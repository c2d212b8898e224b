"""Rolling statistics whose bits depend on the window alone.

Sums run over lags, one vector addition a lag, and not over strided windows: a row then has the same bits
whether it is computed alone, at the end of its past or in the middle of a longer file.
"""

import numpy as np

from pipeline.forecasts.quantiles import FloatArray


def lagged(values: FloatArray, lag: int) -> FloatArray:
    """The value `lag` rows before each row, NaN where there is none."""
    moved = np.full(len(values), np.nan)
    if lag < len(values):
        moved[lag:] = values[: len(values) - lag]
    return moved


def rolling_mean(values: FloatArray, length: int, *, fewest: int | None = None) -> FloatArray:
    """Mean of those of the last `length` values that are numbers.

    Args:
        values: Array of shape (n,).
        length: Rows in the window, the row itself among them.
        fewest: NaN where fewer are numbers; all of them by default.
    """
    return lagged_mean(values, range(length), fewest=length if fewest is None else fewest)


def lagged_mean(values: FloatArray, lags: range, *, fewest: int) -> FloatArray:
    """Mean of the values at `lags` rows before each row, NaN where fewer than `fewest` are numbers."""
    total, count = lagged_sum(values, lags)
    return np.where(count >= fewest, total / np.maximum(count, 1.0), np.nan)


def lagged_sum(values: FloatArray, lags: range) -> tuple[FloatArray, FloatArray]:
    """Sum of the values at `lags` rows before each row, and how many of them are numbers."""
    known = np.isfinite(values)
    amounts, ones = np.where(known, values, 0.0), known.astype(float)
    total, count = np.zeros(len(values)), np.zeros(len(values))
    for lag in lags:
        if lag < len(values):
            total[lag:] += amounts[: len(values) - lag]
            count[lag:] += ones[: len(values) - lag]
    return total, count


def rolling_median(values: FloatArray, length: int, *, fewest: int) -> FloatArray:
    """Median of those of the last `length` values that are numbers, NaN where fewer than `fewest` are."""
    padded = np.concatenate([np.full(length - 1, np.nan), values])
    # NaN sorts last, so the numbers come first in each row.
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, length), axis=1)
    count = np.isfinite(windows).sum(axis=1)
    rows = np.arange(len(values))
    below = windows[rows, np.maximum(count - 1, 0) // 2]
    above = windows[rows, np.minimum(count // 2, length - 1)]
    return np.where(count >= fewest, (below + above) / 2, np.nan)
