"""When each row's bar opens: unix time and date weighed against each other, row by row."""

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.candles.columns import CLOSE, DATE
from pipeline.candles.row_filter import Mask, counted
from pipeline.candles.values.date_columns import read_dates, read_iso
from pipeline.candles.values.timestamps import (
    DAY_US,
    HOUR_US,
    Timestamps,
    Written,
    opens_abroad,
    spoken_instant,
)
from pipeline.candles.values.unix_times import read_unix
from pipeline.errors import CandleFileError

_EARLIEST, _LATEST = 3653 * DAY_US, 84_006 * DAY_US  # 1980 to 2200
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2})?", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(\.\d*)?", re.ASCII)
# Dates that slipped are damage to some rows; on more than half of them they are another table's.
_MOST_APART: Final = 0.5
_KINDS: Final = len(Written) + 1


def read_instants(
    unix: pa.LargeStringArray, date: pa.LargeStringArray, *, columns: Mapping[str, int]
) -> tuple[Timestamps, tuple[str, ...]]:
    """Opening instants by unix time where it is exact, else by date; and what to warn of.

    The two disagree in real files: by hours where the vendor's dates went wrong (the unix time is right), or
    because a spreadsheet rounded the unix time (the date is right, and the unix time is no full hour).

    Args:
        unix: Unix times as written, empty text where there are none.
        date: Dates as written, empty text where there are none.
        columns: Role → place of its column.

    Returns:
        Timestamps whose `written` grows with the newness of the row's form, unix time before date.

    Raises:
        CandleFileError: Dates fit both day/month and month/day, or lie days apart from the unix times.
    """
    by_unix = _read(unix, Timestamps.none(len(unix)))
    by_date = _read(date, by_unix)
    if (own := _days_of_a_zone(by_unix, by_date)).any():
        by_date = by_date.where(own, Timestamps.none(int(own.sum())))
    twice = by_unix.told & by_date.told
    # A date without a time of day says nothing about the hour.
    days_only = by_date.written == Written.DAY
    compared = by_unix.times
    if days_only.any():
        compared = np.where(days_only, compared // DAY_US * DAY_US, compared)
    distance = np.abs(np.where(twice, compared - by_date.times, 0))
    differ: Mask = distance >= HOUR_US
    off_the_hour = by_unix.times % HOUR_US != 0
    rounded = twice & (~by_unix.exact | (off_the_hour & (differ | days_only)))
    trusted = by_unix.told & by_unix.exact & ~rounded
    apart = (distance >= DAY_US) & ~rounded
    if np.count_nonzero(apart) > _MOST_APART * len(apart):
        raise CandleFileError(_days_apart(unix, date, int(np.flatnonzero(apart)[0]), columns))
    joined = Timestamps(
        times=np.where(trusted, by_unix.times, by_date.times),
        written=by_unix.written * np.int8(_KINDS) + by_date.written,
        exact=trusted | by_date.told,
        local_days=by_date.local_days,
    )
    return joined, _warnings(joined, rounded, differ & ~rounded)


def _days_of_a_zone(by_unix: Timestamps, by_date: Timestamps) -> Mask:
    """Rows whose unix time is midnight of a zone to the east and whose date is that zone's, where most rows are."""
    later: Mask = by_date.times > by_unix.times
    if 2 * np.count_nonzero(later) <= len(later):
        return np.zeros(len(later), dtype=bool)
    after = by_unix.times % DAY_US
    mask: Mask = by_unix.told & by_unix.exact & by_date.told & opens_abroad(after)
    mask &= by_date.times == by_unix.times - after + DAY_US
    return mask & (2 * np.count_nonzero(mask) > len(mask))


def _days_apart(
    unix: pa.LargeStringArray, date: pa.LargeStringArray, row: int, columns: Mapping[str, int]
) -> str:
    return (
        f"Unix time and date lie days apart on most rows, as {unix[row].as_py()[:30]!a} and "
        f"{date[row].as_py().strip()[:30]!a}: they are of two tables, or one tells when bars end. Number the one to "
        f"trust: coincast inspect FILE --map date={columns[DATE] + 1},close={columns[CLOSE] + 1} --out candles.csv"
    )


def tell_no_day(instants: Timestamps) -> Mask:
    """Rows of joined timestamps that tell their time by a unix time alone, in whichever column."""
    by_unix, by_date = instants.written // _KINDS, instants.written % _KINDS
    alone: Mask = np.where(by_unix == Written.NOTHING, by_date, by_unix) >= Written.FLOAT_SECONDS
    alone &= (by_unix == Written.NOTHING) | (by_date == Written.NOTHING)
    return alone


def _read(cells: pa.LargeStringArray, known: Timestamps) -> Timestamps:
    """One column, whichever way its cells tell the time."""
    if not pc.any(pc.greater(pc.binary_length(cells), 0)).as_py():
        return Timestamps.none(len(cells))
    # Most files write all times in one form: a look at the ends tells which quick way is worth a try.
    ends = (cells[0].as_py(), cells[-1].as_py())
    whole = read_iso(cells) if all(_ISO.fullmatch(end) for end in ends) else None
    timestamps = whole or read_unix(cells, plain=all(_NUMBER.fullmatch(end) for end in ends))
    left = ~timestamps.told
    if left.all():
        timestamps = read_dates(cells, known.times)
    elif left.any():
        timestamps = timestamps.where(left, read_dates(cells.filter(pa.array(left)), known.times[left]))
    outside = timestamps.told & ((timestamps.times < _EARLIEST) | (timestamps.times >= _LATEST))
    return timestamps.where(outside, Timestamps.none(int(outside.sum()))) if outside.any() else timestamps


def _warnings(joined: Timestamps, rounded: Mask, disagreeing: Mask) -> tuple[str, ...]:
    warnings = []
    if rounded.any():
        count = counted(int(rounded.sum()), "unix time")
        warnings.append(f"{count} lost digits in a spreadsheet; the dates are trusted.")
    if disagreeing.any():
        times = joined.times[disagreeing]
        first, last = (spoken_instant(int(time) // DAY_US * DAY_US) for time in (times.min(), times.max()))
        warnings.append(
            f"Unix time and date disagree on {counted(len(times), 'row')} from {first} to {last}; "
            "the unix time is trusted."
        )
    if joined.local_days:
        warnings.append("Dates are midnights of another zone than UTC; each bar is dated by the day written.")
    return tuple(warnings)
