"""Windows over a table's rows, as views: nothing is copied."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.errors import TooLittleHistoryError
from pipeline.forecasts.quantiles import FloatArray


def sliding_windows(values: FloatArray, lookback: int) -> FloatArray:
    """Every run of `lookback` rows that has a row after it: window i is rows i … i + lookback − 1.

    Args:
        values: Array of shape (n_rows, n_columns).
        lookback: Rows in a window.

    Returns:
        A read-only view of shape (n_rows − lookback, lookback, n_columns); the target of window i is row
        i + lookback.

    Raises:
        TooLittleHistoryError: Not one window has a row after it.

    Example:
        >>> sliding_windows(np.arange(5.0)[:, None], 3)[:, :, 0]
        array([[0., 1., 2.],
               [1., 2., 3.]])
    """
    if len(values) <= lookback:
        raise TooLittleHistoryError(
            f"A window of {lookback} rows and the row it predicts need {lookback + 1} rows; got {len(values)}."
        )
    return np.moveaxis(sliding_window_view(values, lookback, axis=0)[:-1], -1, 1)


def whole_windows(filled: NDArray[np.bool_], segment: NDArray[np.int64], lookback: int) -> NDArray[np.bool_]:
    """Which windows may be used: no hole inside, and a target that was really traded.

    Args:
        filled: Whether a row is carried forward over a short hole, shape (n_rows,).
        segment: Counts the longer holes before a row, shape (n_rows,).
        lookback: Rows in a window.

    Returns:
        Array of shape (n_rows − lookback,).
    """
    same_segment = segment[lookback:] == segment[: len(segment) - lookback]
    return np.asarray(same_segment & ~filled[lookback:])
