"""One candle a bar: junk beside real rows, overlapping series, duplicates, and bars told twice.

Every rule looks at rows of the same bar or of earlier ones only. All take rows sorted by bar.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.columns import HIGH, LOW, PRICES, VOLUMES
from pipeline.candles.row_filter import Columns, Mask
from pipeline.candles.values.rows import BAR, RANK, TIME, WEIGHT
from pipeline.candles.values.timestamps import DAY_US, HOUR_US

_IN_FORCE: Final = 7 * DAY_US
_SHORTEST, _FARTHEST = 2, 12
_LONG_AGO: Final = -(2**60)


def junk(rows: Columns) -> Mask:
    """Flat rows without volume at a time that is not the bar's, beside another row of the bar or off the full hour."""
    time, bar = rows[TIME], rows[BAR]
    off: Mask = time != bar
    if not off.any():
        return off
    suspect: Mask = off & (rows[HIGH] == rows[LOW]) & (rows[WEIGHT] == 0)
    beside: Mask = np.isin(bar, bar[~suspect])
    off_the_hour: Mask = time % HOUR_US != 0
    return suspect & (beside | off_the_hour)


def overlapping(rows: Columns) -> Mask:
    """Rows of a second series of bars, opening at another time of day.

    The cut: bars that open with their day (hour) are the series, from the first of them on; before it, the
    earliest bar of each day. A series is in force until a week passes without one of its bars, so that a hole
    in it does not bring back the other one. A lone bar at an odd time is no series: it fills a day without another.
    """
    time, bar = rows[TIME], rows[BAR]
    aligned: Mask = time == bar
    if aligned.all():
        return ~aligned
    last = np.maximum.accumulate(np.where(aligned, bar, _LONG_AGO))
    covered: Mask = ~aligned & (np.isin(bar, bar[aligned]) | ((bar - last <= _IN_FORCE) & ~lone(rows)))
    others = np.flatnonzero(~aligned & ~covered)
    starts = np.append(True, bar[others][1:] != bar[others][:-1])[: len(others)]
    if len(others):
        earliest = np.minimum.reduceat(time[others], np.flatnonzero(starts))
        covered[others] = time[others] > earliest[np.cumsum(starts) - 1]
    return covered


def lone(rows: Columns) -> Mask:
    """Rows at an odd time that no row of the week before shares."""
    stamp, bar = rows[TIME] - rows[BAR], rows[BAR]
    order = np.lexsort((bar, stamp))
    stamps, days = stamp[order], bar[order]
    new = np.append(True, (stamps[1:] != stamps[:-1]) | (days[1:] != days[:-1]))
    stamp_of, day_of = stamps[new], days[new]
    shared = np.append(False, (stamp_of[1:] == stamp_of[:-1]) & (np.diff(day_of) <= _IN_FORCE))
    mask = np.zeros(len(bar), dtype=bool)
    mask[order] = (stamps != 0) & ~shared[np.cumsum(new) - 1]
    return mask


def duplicates(rows: Columns) -> tuple[Mask, Mask]:
    """Rows that repeat a bar, and rows that another row of the same bar supersedes.

    Args:
        rows: Rows in the order of `order_of_confirmation`.

    Returns:
        Two masks: the same values as the row that is kept (the last of its bar), and other values.
    """
    bar = rows[BAR]
    again: Mask = np.append(bar[1:] == bar[:-1], False)
    kept = kept_rows(bar)
    same: Mask = again & np.logical_and.reduce([rows[name] == rows[name][kept] for name in (*PRICES, WEIGHT)])
    return same, again & ~same


def kept_rows(bars: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each of sorted bars the place of the last row of the same bar.

    Example:
        >>> kept_rows(np.array([10, 10, 20])).tolist()
        [1, 1, 2]
    """
    last = np.append(bars[1:] != bars[:-1], True)
    places: NDArray[np.intp] = np.flatnonzero(last)[np.cumsum(last) - last]
    return places


def repeated(rows: Columns) -> Mask:
    """Runs of bars that tell the bars just before them again, to the last digit, under later times.

    A run is at least two bars long, repeats a run at most `_FARTHEST` bars older, and does so once: bars that
    repeat over and over are how that market is told, not damage.

    Args:
        rows: One row a bar.
    """
    values = [rows[name] for name in (*PRICES, WEIGHT)]
    moved: Mask = (rows[HIGH] > rows[LOW]) & (rows[WEIGHT] > 0)
    mask = np.zeros(len(moved), dtype=bool)
    for shift in range(_SHORTEST, _FARTHEST + 1):
        # Volumes differ nearly always: prices are compared only where they do not.
        places = shift + np.flatnonzero((rows[WEIGHT][shift:] == rows[WEIGHT][:-shift]) & moved[shift:])
        same = np.logical_and.reduce([column[places] == column[places - shift] for column in values])
        for run in _runs(places[same]):
            if _SHORTEST <= len(run) <= shift:
                mask[run] = True
    return mask


def _runs(places: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Sorted places, split where they are not next to each other."""
    return np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)


def order_of_confirmation(rows: Columns) -> NDArray[np.intp]:
    """Order by bar, and within a bar from the least to the most trusted row, whatever the order of the file.

    A row in a newer form of the vendor's file is the confirmed one; of equal forms the one with the larger
    volume, because the other may be a partial bar; prices decide the rest, so that the order is always one.
    """
    bar = rows[BAR]
    order = np.argsort(bar, kind="stable")
    equal = bar[order][1:] == bar[order][:-1]
    if not equal.any():
        return order
    tied = np.append(equal, False) | np.append(False, equal)
    among = order[tied]
    keys = [rows[name][among] for name in (*VOLUMES, *PRICES, WEIGHT, RANK, TIME)]
    order[tied] = among[np.lexsort((*keys, bar[among]))]
    return order
