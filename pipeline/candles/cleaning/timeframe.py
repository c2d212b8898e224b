"""Daily or hourly, by how far the rows lie apart."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.values.timestamps import DAY_US, HOUR_US
from pipeline.errors import CandleFileError
from pipeline.series import Series

# Two daily series in one file give two rows a day; junk rows at odd times do the same.
_ROWS_A_DAY: Final = 2.5
# An hourly file may be so full of holes that few of its bars lie an hour apart.
_HOURLY_SHARE: Final = 0.05
_FEWEST_DAYS: Final = 5
_WEEKLY_US: Final = 6 * DAY_US
# Bars of several days each lie that far apart nearly always; days that are missing here and there do not.
_EVERY: Final = 0.8


def find_timeframe(times: NDArray[np.int64], series: Series | None) -> str:
    """`1d` or `1h`.

    Args:
        times: Opening instants, microseconds since 1970.
        series: What the caller expects; decides where rows are too few to tell, else they are daily.

    Raises:
        CandleFileError: The rows lie otherwise apart, or not as the series says.
    """
    ordered = np.sort(times)
    distinct = ordered[np.append(True, ordered[1:] > ordered[:-1])]
    found = _by_spacing(distinct) if len(distinct) > 1 else ""
    if not found:
        return series.timeframe if series else "1d"
    if series is not None and series.timeframe != found:
        raise CandleFileError(
            f"The file holds {found} candles, and {series} asks for {series.timeframe}. "
            f"Read it as {series.exchange}/{series.symbol}/{found}."
        )
    return found


def _by_spacing(distinct: NDArray[np.int64]) -> str:
    """The timeframe of sorted, distinct instants; empty where they are too few to tell."""
    every = np.diff(distinct)
    steps, counts = np.unique(every, return_counts=True)
    usual = int(steps[counts.argmax()])
    days = len(np.unique(distinct // DAY_US))
    crowded = len(distinct) > _ROWS_A_DAY * days
    if usual == HOUR_US or (crowded and np.mean(every == HOUR_US) >= _HOURLY_SHARE):
        return "1h"
    regular = counts.max() >= _EVERY * len(every)
    apart = regular and (usual >= 2 * DAY_US or usual < DAY_US)
    if crowded or (days >= _FEWEST_DAYS and (steps[0] >= _WEEKLY_US or apart)):
        raise CandleFileError(
            f"The file's bars are {_spoken(usual)} apart: expected daily or hourly candles. Give one of those."
        )
    return "1d" if days >= _FEWEST_DAYS or usual >= DAY_US else ""


def _spoken(step: int) -> str:
    for unit, name in ((DAY_US, "days"), (HOUR_US, "hours"), (60_000_000, "minutes")):
        if step >= unit:
            return f"{step / unit:g} {name}"
    return f"{step / 1e6:g} seconds"
