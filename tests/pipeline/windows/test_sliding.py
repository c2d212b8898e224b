import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import TooLittleHistoryError
from pipeline.windows.sliding import sliding_windows, whole_windows


@given(rows=st.integers(2, 40), lookback=st.integers(1, 12), columns=st.integers(1, 3))
def test_windows_are_those_of_a_loop(rows: int, lookback: int, columns: int) -> None:
    values = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    if rows <= lookback:
        with pytest.raises(TooLittleHistoryError):
            sliding_windows(values, lookback)
        return
    windows = sliding_windows(values, lookback)
    assert windows.shape == (rows - lookback, lookback, columns)
    for index, window in enumerate(windows):
        np.testing.assert_array_equal(window, values[index : index + lookback])


def test_windows_copy_nothing_and_cannot_be_written() -> None:
    values = np.arange(10.0)[:, None]
    windows = sliding_windows(values, 3)
    assert np.shares_memory(values, windows)
    assert not windows.flags.writeable


def test_a_filled_target_and_a_window_over_a_hole_are_left_out() -> None:
    filled = np.array([False, False, True, False, False, False])
    segment = np.array([0, 0, 0, 0, 1, 1])
    # Targets are rows 1 to 5: row 2 is filled, and row 4 follows a hole.
    np.testing.assert_array_equal(whole_windows(filled, segment, 1), [True, False, True, False, True])
