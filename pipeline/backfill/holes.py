"""Days that lie too soon after a long hole of the candles for a forecast, told by the calendar alone."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from pipeline.candles.grid import MAX_FILL
from pipeline.features.day_axis import BoolArray, IntArray
from pipeline.features.volatility import FEWEST_IN_SEASON, SEASON_DAYS
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.models.random_walk import RANDOM_WALK_DAYS, RANDOM_WALK_FEWEST

_MONTH_DAYS: Final = 22


def days_after_holes(days: Sequence[int], *, lookback: int) -> frozenset[int]:
    """Those of the days that `issue` refuses for a hole before them, of the recipe's model or a baseline's.

    A day needs a month of days with a range, none of them in a hole too long to fill; a network's window needs
    that of each of its days; the random walk needs 300 returns in a year.

    Args:
        days: Those that have a candle, as `day_number` counts them, rising.
        lookback: Days that the recipe's network sees; 0 where it has none.
    """
    if not days:
        return frozenset()
    place = np.asarray(days) - days[0]
    observed = np.zeros(int(place[-1]) + 1, dtype=bool)
    observed[place] = True
    there = _filled(observed, place)
    ranged = there & (_count(observed, SEASON_DAYS) >= FEWEST_IN_SEASON)
    whole = _count(ranged, _MONTH_DAYS) == _MONTH_DAYS
    if lookback:
        whole &= _count(whole & _lagged(there, _MONTH_DAYS), lookback) == lookback
    for horizon in HORIZONS:
        returns = _count(observed & _lagged(observed, horizon), RANDOM_WALK_DAYS)
        whole &= returns >= RANDOM_WALK_FEWEST
    return frozenset(day for day, enough in zip(days, whole[place], strict=True) if not enough)


def _filled(observed: BoolArray, place: IntArray) -> BoolArray:
    """The days of the `daily_grid`: short holes are filled."""
    there = observed.copy()
    gaps = np.diff(place)
    for start, gap in zip(place[:-1][gaps > 1], gaps[gaps > 1], strict=True):
        there[start : start + gap] |= gap <= MAX_FILL + 1
    return there


def _count(mask: BoolArray, length: int) -> IntArray:
    """How many of the last `length` days are marked, each day itself among them."""
    total = np.concatenate([np.zeros(length, dtype=np.int64), np.cumsum(mask)])
    counts: IntArray = total[length:] - total[:-length]
    return counts


def _lagged(mask: BoolArray, lag: int) -> BoolArray:
    return np.concatenate([np.zeros(lag, dtype=bool), mask])[: len(mask)]
