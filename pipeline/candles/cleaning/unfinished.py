"""Is the newest candle complete? What the clock says, and the evidence that overrides it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.row_filter import Columns, Mask, counted
from pipeline.candles.values.rows import BAR, TIME, WEIGHT
from pipeline.candles.values.timestamps import DAY_US, HOUR_US, STEP_US, spoken_instant

# A newest candle with less than this share of its neighbours' volume is unfinished. In an old file, whose newest row
# was live when it was made, a larger share is evidence enough; elsewhere that share is only warned of.
_SURELY: Final = 0.10
_LIKELY: Final = 0.35
_NEIGHBOURS: Final = {"1d": 7, "1h": 24}
_FEWEST: Final = 3
_OLD_US: Final = 2 * DAY_US
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Times:
    """What is known of when a file was made; microseconds since 1970 in UTC.

    Attributes:
        fetched_at: When the bytes were fetched; None if nobody knows.
        created: Start of the day on which the banner says the file was made; None if it does not.
        now: The present; None if nobody says.
    """

    fetched_at: int | None
    created: int | None
    now: int | None

    @classmethod
    def of(cls, fetched_at: datetime | None, created: datetime | None, now: datetime | None) -> "Times":
        """From instants; naive ones are UTC."""
        return cls(_micros(fetched_at), _micros(created), _micros(now))


def describe_future(rows: Columns, times: Times) -> str:
    """Whether candles are dated after today; they are kept, for only the caller's clock speaks against them."""
    if times.now is None or rows[TIME][-1] <= times.now:
        return ""
    late = rows[BAR][rows[TIME] > times.now]
    today = spoken_instant(times.now // DAY_US * DAY_US)
    return (
        f"{counted(len(late), 'candle')} dated after today, {today}: from {spoken_instant(int(late[0]))} on."
    )


def after_fetch(rows: Columns, times: Times, timeframe: str) -> tuple[Mask, Mask]:
    """Rows that open after the file was fetched, and rows that were open when it was.

    Args:
        rows: One row a bar, sorted.
        times: When the file was made and fetched.
        timeframe: `1d` or `1h`.
    """
    opening = rows[TIME]
    if times.fetched_at is None:
        return np.zeros(len(opening), dtype=bool), np.zeros(len(opening), dtype=bool)
    future: Mask = opening > times.fetched_at
    return future, ~future & (opening + STEP_US[timeframe] > times.fetched_at)


def evidence(rows: Columns, times: Times, timeframe: str) -> tuple[bool, str]:
    """Whether the newest row is unfinished by what the file itself shows, and a sentence where something shows.

    Args:
        rows: One row a bar, sorted, those that were open at the fetch left out.
        times: When the file was made and fetched.
        timeframe: `1d` or `1h`.
    """
    opening = int(rows[TIME][-1])
    newest = f"The newest candle, {spoken_instant(opening)},"
    if timeframe == "1d" and times.created is not None and opening // DAY_US == times.created // DAY_US:
        return (
            True,
            f"{newest} is left out as unfinished: the banner says that the file was made on that day.",
        )
    if opening % HOUR_US and not (rows[TIME][-2:-1] % HOUR_US).any():
        return True, f"{newest} is left out as unfinished: bars open on the full hour, this is a running one."
    share, of_smallest = _shares_of_neighbours(rows[WEIGHT], _NEIGHBOURS[timeframe])
    old = times.fetched_at is not None and times.fetched_at - opening - STEP_US[timeframe] >= _OLD_US
    # Where volumes vary much a small one is no evidence, unless it is smaller than all.
    if (share < _SURELY and of_smallest < 1 / 2) or (old and share < _LIKELY and of_smallest < 1):
        served = " and the file is an old one" if old else ""
        return True, f"{newest} is left out as unfinished: its volume is {share:.1%} of the usual{served}."
    if share < _LIKELY:
        return False, f"{newest} has {share:.0%} of the usual volume: it may be unfinished."
    return False, ""


def _shares_of_neighbours(volumes: NDArray[np.float64], count: int) -> tuple[float, float]:
    """Newest volume by the median and by the smallest of the `count` before it; NaN where they tell nothing."""
    before = volumes[-1 - count : -1]
    before = before[before > 0]
    if len(before) < _FEWEST or volumes[-1] < 0:
        return np.nan, np.nan
    return float(volumes[-1] / np.median(before)), float(volumes[-1] / before.min())


def _micros(instant: datetime | None) -> int | None:
    if instant is None:
        return None
    aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    return round((aware - _EPOCH).total_seconds() * 1e6)
