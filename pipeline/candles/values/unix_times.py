"""Numbers that are times: seconds to nanoseconds since 1970, and spreadsheets' days since 1900."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.candles.values.timestamps import DAY_US, MINUTE_US, Timestamps, Written

_NUMBER: Final = r"^\s*\d+(\.\d*)?([eE]\+?\d{1,2})?\s*$"
# (smallest, largest, microseconds a unit, how it is written); sizes tell the units apart from 1980 to 2200.
_UNITS: Final = (
    (29_000, 110_000, DAY_US, Written.DAY),
    (3e8, 7.3e9, 1e6, Written.SECONDS),
    (3e11, 7.3e12, 1e3, Written.FINER),
    (3e14, 7.3e15, 1.0, Written.FINER),
    (3e17, 7.3e18, 1e-3, Written.FINER),
)
_ROUNDED_US: Final = 10**10
_FEWEST: Final = 3
_SPREADSHEET_EPOCH_US: Final = 25_569 * DAY_US


def read_unix(cells: pa.LargeStringArray, *, plain: bool) -> Timestamps:
    """Times that are written as numbers; the unit is decided row by row, by size.

    Args:
        cells: Array of shape (n_rows,).
        plain: Whether they are likely to be numbers all, so that the quick way is worth a try.
    """
    try:
        numbers = _numbers(cells) if plain else None
    except pa.ArrowInvalid:
        numbers = None
    if numbers is None:
        numeric = pc.match_substring_regex(cells, _NUMBER)
        if not pc.any(numeric).as_py():
            return Timestamps.none(len(cells))
        cells = pc.utf8_trim_whitespace(pc.if_else(numeric, cells, "nan"))
        numbers = _numbers(cells)
    timestamps = Timestamps.none(len(numbers))
    for smallest, largest, factor, written in _UNITS:
        of_unit = (numbers >= smallest) & (numbers < largest)
        if of_unit.any():
            micros = np.rint(numbers[of_unit] * factor).astype(np.int64)
            if written == Written.DAY:  # shown with five decimals, a time of day is off by half a second
                micros = (micros + MINUTE_US // 2) // MINUTE_US * MINUTE_US
            timestamps.times[of_unit] = micros - (_SPREADSHEET_EPOCH_US if written == Written.DAY else 0)
            timestamps.written[of_unit] = written
    _look_at_digits(cells, numbers, timestamps)
    # A spreadsheet that showed 1.61093E+12 may have written it out again as 1610930000000.
    rounded = timestamps.told & (timestamps.times % _ROUNDED_US == 0)
    if len(numbers) >= _FEWEST and np.count_nonzero(rounded) > np.count_nonzero(timestamps.told) / 2:
        timestamps.exact[rounded] = False
    return timestamps


def _numbers(cells: pa.LargeStringArray) -> NDArray[np.float64]:
    return np.asarray(pc.cast(cells, pa.float64()).to_numpy())


def _look_at_digits(cells: pa.LargeStringArray, numbers: NDArray[np.float64], timestamps: Timestamps) -> None:
    """Mark seconds with a fraction, and numbers in exponent form; only cells of unusual length can be either."""
    unusual = np.flatnonzero(
        timestamps.told & (pc.binary_length(cells).to_numpy() != np.where(numbers < 1e11, 10, 13))
    )
    if not len(unusual):
        return
    looked_at = cells.take(pa.array(unusual))
    powers = pc.match_substring(looked_at, "e", ignore_case=True).to_numpy(zero_copy_only=False)
    points = pc.match_substring(looked_at, ".").to_numpy(zero_copy_only=False)
    seconds = timestamps.written[unusual] == Written.SECONDS
    timestamps.exact[unusual] = ~powers
    timestamps.written[unusual[points & seconds]] = Written.FLOAT_SECONDS
