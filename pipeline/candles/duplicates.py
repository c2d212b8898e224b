"""One candle a bar: junk beside real rows, overlapping series, duplicates, and bars told twice.

Every rule looks at rows of the same bar or of earlier ones only.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.candles.columns import HIGH, LOW, PRICES, VOLUMES
from pipeline.candles.instants import DAY_US, HOUR_US

# Columns of a row table besides those of a candle: when the row says that its bar opens, the start of the day (hour)
# that it is in, how new the row's form is, and the larger of its volumes (-1 where it tells none). Times are
# microseconds since 1970 in UTC.
TIME: Final = "time"
BAR: Final = "bar"
RANK: Final = "rank"
WEIGHT: Final = "weight"

Mask = NDArray[np.bool_]

_IN_FORCE: Final = 7 * DAY_US
_LONG_AGO: Final = -(2**60)


def junk(rows: pd.DataFrame) -> Mask:
    """Flat rows without volume at a time that is not the bar's, beside another row of the bar or off the full hour.

    Args:
        rows: Rows sorted by bar.
    """
    time, bar = rows[TIME].to_numpy(), rows[BAR].to_numpy()
    off: Mask = time != bar
    if not off.any():
        return off
    suspect = off & (rows[HIGH].to_numpy() == rows[LOW].to_numpy()) & (rows[WEIGHT].to_numpy() == 0)
    beside: Mask = np.isin(bar, bar[~suspect])
    found: Mask = suspect & (beside | (time % HOUR_US != 0))
    return found


def overlapping(rows: pd.DataFrame) -> Mask:
    """Rows of a second series of bars, opening at another time of day.

    The cut: bars that open with their day (hour) are the series, from the first of them on; before it, the
    earliest bar of each day. A series is in force until a week passes without one of its bars, so that a hole
    in it does not bring back the other one.

    Args:
        rows: Rows sorted by bar.
    """
    time, bar = rows[TIME].to_numpy(), rows[BAR].to_numpy()
    aligned: Mask = time == bar
    if aligned.all():
        return ~aligned
    last = np.maximum.accumulate(np.where(aligned, bar, _LONG_AGO))
    covered: Mask = ~aligned & (np.isin(bar, bar[aligned]) | (bar - last <= _IN_FORCE))
    others = ~aligned & ~covered
    opening = pd.Series(time[others])
    covered[others] = opening.to_numpy() > opening.groupby(bar[others]).transform("min").to_numpy()
    return covered


def duplicates(rows: pd.DataFrame) -> tuple[Mask, Mask]:
    """Rows that repeat a bar, and rows that another row of the same bar supersedes.

    Args:
        rows: Rows sorted by bar, and within a bar by `order_of_confirmation`.

    Returns:
        Two masks: the same values as the row that is kept (the last of its bar), and other values.
    """
    bar = rows[BAR].to_numpy()
    again: Mask = np.append(bar[1:] == bar[:-1], False)
    values = rows[[*PRICES, WEIGHT]].to_numpy()
    same = np.zeros(len(rows), dtype=bool)
    same[again] = (values[again] == values[kept_rows(bar)[again]]).all(axis=1)
    return same, again & ~same


def kept_rows(bars: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each of sorted bars the place of the last row of the same bar.

    Example:
        >>> kept_rows(np.array([10, 10, 20])).tolist()
        [1, 1, 2]
    """
    last = np.append(bars[1:] != bars[:-1], True)
    places: NDArray[np.int64] = np.flatnonzero(last)[np.cumsum(last) - last]
    return places


def repeated(rows: pd.DataFrame) -> Mask:
    """Bars that tell an earlier bar again, to the last digit of prices and volumes, under a later time.

    Args:
        rows: One row a bar, sorted.
    """
    moved: Mask = (rows[HIGH].to_numpy() > rows[LOW].to_numpy()) & (rows[WEIGHT].to_numpy() > 0)
    # Most bars differ in volume alone; only those that do not are worth a look at their prices.
    weight = rows.loc[moved, WEIGHT]
    alike = moved.nonzero()[0][weight.duplicated(keep=False).to_numpy()]
    mask = np.zeros(len(rows), dtype=bool)
    mask[alike] = rows.iloc[alike].duplicated([*PRICES, WEIGHT], keep="first").to_numpy()
    return mask


def order_of_confirmation(rows: pd.DataFrame) -> NDArray[np.intp]:
    """Order by bar, and within a bar from the least to the most trusted row, whatever the order of the file.

    A row in a newer form of the vendor's file is the confirmed one; of equal forms the one with the larger
    volume, because the other may be a partial bar; prices decide the rest, so that the order is always one.
    """
    bar = rows[BAR].to_numpy()
    order = np.argsort(bar, kind="stable")
    equal = bar[order][1:] == bar[order][:-1]
    if not equal.any():
        return order
    tied = np.append(equal, False) | np.append(False, equal)
    among = order[tied]
    keys = [rows[name].to_numpy()[among] for name in (*VOLUMES, *PRICES, WEIGHT, RANK, TIME)]
    order[tied] = among[np.lexsort((*keys, bar[among]))]
    return order
