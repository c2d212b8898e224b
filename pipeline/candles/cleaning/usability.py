"""Whether candles are of a market that daily forecasts can be made of; why not is said here, once for all commands.

Forecasts are of every calendar day. A market that rests on weekends, is traded every few days or never moves gives a
fit nothing to learn from, however long its file is.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.columns import CLOSE, HIGH, LOW
from pipeline.candles.grid import MAX_FILL, missing_bars
from pipeline.candles.row_filter import Columns
from pipeline.candles.values.rows import BAR
from pipeline.candles.values.timestamps import DAY_US, spoken_instant
from pipeline.errors import CandleFileError

# Fewer candles than this say nothing of how a market is traded.
_FEWEST: Final = 60
# Weekends show in three weeks already, where the other days are there.
_FEWEST_WEEKS: Final = 3
_OTHER_DAYS: Final = 0.8
_STRAY: Final = 0.05
# With fewer, more than a third of what a window shows is repeated closes; real files of crypto markets have 98 %.
_LEAST_PRESENT: Final = 2 / 3
# A bitcoin in Iranian rial, the largest figure that an exchange quotes, is a tenth of it.
HIGHEST_PRICE: Final = 1e12
# Where more closes than this are doubled or halved at once, the decimal signs of a file are lost.
_DOUBLED: Final = 0.2
_FEWEST_CLOSES: Final = 35
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def refuse_unusable(rows: Columns) -> None:
    """Refuse what no forecast can be made of.

    Args:
        rows: One row a bar, sorted by bar, daily or hourly.

    Raises:
        CandleFileError: No market has such prices, the price never moves, or days are missing by rule.
    """
    _refuse_scale(rows)
    days = _distinct(rows[BAR] // DAY_US)
    # A spreadsheet that fills days of rest with the last close makes no market of them.
    moved = (rows[HIGH] > rows[LOW]) | (np.diff(rows[CLOSE], prepend=np.nan) != 0)
    _refuse_weekdays(_distinct(rows[BAR][moved] // DAY_US), days)
    if len(rows[BAR]) >= _FEWEST:
        _refuse_sparse(days)
        if (rows[HIGH] == rows[LOW]).all() and (rows[CLOSE] == rows[CLOSE][0]).all():
            raise CandleFileError(
                f"The price is {rows[CLOSE][0]:g} in all {len(days)} days: it never moves, and there is nothing to "
                "forecast. Choose a market that is traded."
            )


def _distinct(days: NDArray[np.int64]) -> NDArray[np.int64]:
    return days[np.diff(days, prepend=days[0] - 1) > 0]


def _refuse_scale(rows: Columns) -> None:
    close, bars = rows[CLOSE], rows[BAR]
    largest = int(close.argmax())
    if np.median(close) > HIGHEST_PRICE:
        raise CandleFileError(
            f"No market has such prices: {close[largest]:g} on {spoken_instant(int(bars[largest]))}. Decimal signs "
            "were lost; give the file as it was downloaded."
        )
    jumps = np.flatnonzero(np.abs(np.diff(np.log(close))) > np.log(2))
    if len(close) >= _FEWEST_CLOSES and len(jumps) > _DOUBLED * len(close):
        at = int(jumps[0])
        raise CandleFileError(
            f"{len(jumps)} of {len(close)} closes are more than twice or less than half of the one before, as "
            f"{close[at + 1]:g} after {close[at]:g} on {spoken_instant(int(bars[at + 1]))}: no market moves like that. "
            "Decimal signs were lost; give the file as it was downloaded."
        )


def _refuse_weekdays(days: NDArray[np.int64], told: NDArray[np.int64]) -> None:
    """Days of the week on which there is hardly ever a bar that moves.

    Args:
        days: Days with one.
        told: Days with any.
    """
    missing = _short_holes(days)
    # 1970-01-01 was a Thursday.
    present, absent = (np.bincount((one + 3) % 7, minlength=7) for one in (days, missing))
    possible = present + absent
    lacking = (possible >= _FEWEST_WEEKS) & (present <= _STRAY * possible)
    others = ~lacking & (possible > 0)
    if not lacking.any() or present[others].sum() < _OTHER_DAYS * possible[others].sum():
        return
    named = " or ".join(name for name, lacks in zip(_WEEKDAYS, lacking, strict=True) if lacks)
    how = "no bar" if not present[lacking].any() else "hardly a bar"
    moves = "" if len(told) == len(days) else " that moves"
    raise CandleFileError(
        f"The series has {how}{moves} on any {named} ({len(missing)} of {len(days) + len(missing)} days lack one): it "
        "is not a 24/7 market, and forecasts are made of every day. Choose a market that is traded every day."
    )


def _refuse_sparse(days: NDArray[np.int64]) -> None:
    missing = len(_short_holes(days))
    share = len(days) / (len(days) + missing)
    if share < _LEAST_PRESENT:
        raise CandleFileError(
            f"The series has a bar on {share:.0%} of its days only ({missing} are missing, here and there): forecasts "
            f"are made of markets with at least {_LEAST_PRESENT:.0%}. Choose a market that is traded every day."
        )


def _short_holes(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Missing days of holes that are filled; a longer hole is an outage and no habit."""
    holes = np.diff(days) - 1
    missing: NDArray[np.int64] = missing_bars(days, 1)[np.repeat(holes <= MAX_FILL, holes)]
    return missing
