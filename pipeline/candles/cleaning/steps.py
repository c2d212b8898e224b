"""Rows to candles: one stage a function, each dropping rows for a reason that people understand."""

from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles import account as fate
from pipeline.candles.cleaning import duplicates, unfinished
from pipeline.candles.cleaning.volumes import swapped_rows
from pipeline.candles.columns import (
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    PRICES,
    TRADES,
    VOLUME_BASE,
    VOLUME_QUOTE,
    VOLUMES,
)
from pipeline.candles.row_filter import Columns, Mask, RowFilter, counted
from pipeline.candles.values.rows import BAR, TIME, UNIX_ONLY
from pipeline.candles.values.timestamps import DAY_US, STEP_US, opens_abroad, spoken_instant
from pipeline.errors import CandleFileError

SWAPPED: Final = "swapped"
WIDENED: Final = "widened"
# Prices computed in single precision may leave their own range by this share: that is not worth a word.
_ROUNDING: Final = 1e-6
# Vendors that take open and close from another feed than the range miss it by less; a lost digit misses by far more.
_HAIR: Final = 0.01
_MIXED_BARS: Final = 3
_MIXED_FACTOR: Final = 1.25
_HOURS_LOST: Final = 4
_EPOCH: Final = date(1970, 1, 1)


def keep_prices(row_filter: RowFilter) -> None:
    """Only rows whose prices can be prices: told, finite, positive, and in the order that their names say.

    An open or close that is a hair outside the range does not cost the day its close: the range is widened to hold it.
    """
    row_filter.drop(np.isnan(np.minimum.reduce(_columns(row_filter, PRICES))), fate.NO_PRICE)
    amounts = (*PRICES, *VOLUMES, TRADES)
    row_filter.drop(np.isinf(np.fmax.reduce(np.abs(_columns(row_filter, amounts)))), fate.INFINITE_VALUE)
    row_filter.drop(np.fmin.reduce(_columns(row_filter, amounts)) < 0, fate.NEGATIVE_VALUE)
    row_filter.drop(np.minimum.reduce(_columns(row_filter, PRICES)) == 0, fate.ZERO_PRICE)
    opening, high, low, close = _columns(row_filter, (OPEN, HIGH, LOW, CLOSE))
    top, bottom = np.maximum(opening, close), np.minimum(opening, close)
    outside = np.maximum(top / high, low / bottom) - 1
    row_filter.set(**{WIDENED: outside > _ROUNDING})
    if (outside > 0).any():
        row_filter.set(**{HIGH: np.maximum(high, top), LOW: np.minimum(low, bottom)})
    row_filter.drop((outside > _HAIR) | (low > high * (1 + _ROUNDING)), fate.CONTRADICTORY_PRICES)


def date_bars(row_filter: RowFilter, timeframe: str, *, ends: bool) -> None:
    """The start of the day (hour) that each row is dated by.

    A daily bar that a unix time opens on a full hour at or after noon in UTC, or at India's midnight, goes from
    midnight to midnight of a zone to the east: it is dated by the next UTC day, which holds most of it.

    Args:
        row_filter: Rows with a time.
        timeframe: `1d` or `1h`.
        ends: Whether the rows tell when bars end; then each opens where its bar does.
    """
    time, step = row_filter.rows[TIME], STEP_US[timeframe]
    bar = time - time % step
    if ends:
        row_filter.set(**{TIME: bar, BAR: bar})
        return
    after = time - bar if timeframe == "1d" else np.zeros(len(time), dtype=np.int64)
    abroad = row_filter.rows[UNIX_ONLY] & opens_abroad(after)
    row_filter.set(**{BAR: np.where(abroad, bar + step, bar)})


def settle_volumes(row_filter: RowFilter) -> None:
    """Volumes on their true sides, whatever their labels say; rows must be sorted by bar."""
    base, quote, low, high = _columns(row_filter, (*VOLUMES, LOW, HIGH))
    swapped = swapped_rows(base, quote, low, high)
    row_filter.set(**{SWAPPED: swapped})
    if swapped.any():
        row_filter.set(
            **{VOLUME_BASE: np.where(swapped, quote, base), VOLUME_QUOTE: np.where(swapped, base, quote)}
        )


def keep_one_row_a_bar(row_filter: RowFilter) -> None:
    """One row for each bar; rows must be sorted by `duplicates.order_of_confirmation`.

    Raises:
        CandleFileError: Rows of the same bars belong to two markets.
    """
    row_filter.drop(duplicates.junk(row_filter.rows), fate.JUNK)
    if not len(row_filter):
        return
    overlap = duplicates.overlapping(row_filter.rows)
    if overlap.any():
        row_filter.warn(_describe_overlap(row_filter.rows, overlap))
    row_filter.drop(overlap, fate.OVERLAPPING_BAR)
    same, superseded = duplicates.duplicates(row_filter.rows)
    if superseded.any():
        row_filter.warn(_describe_superseded(row_filter.rows, superseded))
    row_filter.drop(same, fate.DUPLICATE)
    row_filter.drop(superseded[~same], fate.SUPERSEDED)
    row_filter.warn(_describe_stamps(row_filter.rows))


def drop_repeated_bars(row_filter: RowFilter) -> None:
    """Leave out runs of hours that tell earlier hours again under later times."""
    again = duplicates.repeated(row_filter.rows)
    if again.any():
        first = spoken_instant(int(row_filter.rows[BAR][again][0]))
        row_filter.warn(
            f"{counted(int(again.sum()), 'bar repeats', 'bars repeat')} an earlier one to the last digit, "
            f"from {first} on."
        )
    row_filter.drop(again, fate.REPEATED_BAR)


def keep_finished(row_filter: RowFilter, times: unfinished.Times, timeframe: str, *, trusted: bool) -> None:
    """Only bars that were complete when the file was made.

    Args:
        row_filter: One row a bar, sorted.
        times: When the file was made and fetched.
        timeframe: `1d` or `1h`.
        trusted: Whether the file is known to hold complete bars only, so that low volume is no evidence.
    """
    future, running = unfinished.after_fetch(row_filter.rows, times, timeframe)
    if future.any():
        first = spoken_instant(int(row_filter.rows[BAR][future][0]))
        row_filter.warn(
            f"{counted(int(future.sum()), 'candle')} dated after the file was fetched, from {first} on."
        )
    row_filter.drop(future, fate.IN_THE_FUTURE)
    row_filter.drop(running[~future], fate.UNFINISHED)
    # A bar with a later one beside it was complete when that one began.
    if trusted or running.any() or not len(row_filter):
        return
    is_unfinished, sentence = unfinished.evidence(row_filter.rows, times, timeframe)
    row_filter.warn(sentence)
    if is_unfinished:
        row_filter.drop(np.arange(len(row_filter)) == len(row_filter) - 1, fate.UNFINISHED)


def cut(row_filter: RowFilter, as_of: date | None) -> None:
    """Leave out what lies after a day."""
    if as_of is not None:
        row_filter.drop(row_filter.rows[BAR] // DAY_US > (as_of - _EPOCH).days, fate.AFTER_AS_OF)


def _columns(row_filter: RowFilter, names: tuple[str, ...]) -> list[NDArray[np.float64]]:
    return [row_filter.rows[name] for name in names]


def _describe_overlap(rows: Columns, overlap: Mask) -> str:
    """How many bars of the second series there are, and where the cut lies; lone ones are none."""
    time, bar = rows[TIME], rows[BAR]
    lone = overlap & duplicates.lone(rows)
    if lone.sum() == overlap.sum():
        first = spoken_instant(int(time[lone][0]))
        return f"{counted(int(lone.sum()), 'bar')} at an odd time left out beside the day's own, from {first} on."
    aligned = bar[time == bar]
    cut_at = (
        f"; from {spoken_instant(int(aligned[0]))} on, bars that open with their day are the series"
        if len(aligned)
        else ""
    )
    count = counted(int(overlap.sum()), "bar")
    return f"Two series overlap in one file: {count} of the second left out{cut_at}."


def _describe_stamps(rows: Columns) -> str:
    """How many bars are not stamped with the start of their day (hour), and the most frequent stamp."""
    late = rows[TIME] - rows[BAR]
    late = late[late != 0]
    if not len(late):
        return ""
    stamps, counts = np.unique(late, return_counts=True)
    usual = int(stamps[counts.argmax()])
    clock = spoken_instant(usual % DAY_US)[-len("00:00") :]
    if usual < 0:
        return (
            f"{counted(len(late), 'bar opens', 'bars open')} at {clock} UTC (most often), midnight of another zone; "
            "each is dated by the UTC day that holds most of it."
        )
    return f"{counted(len(late), 'bar')} stamped {clock} (most often) instead of the start of the bar in UTC."


def _describe_superseded(rows: Columns, superseded: NDArray[np.bool_]) -> str:
    """How many rows another one of the same bar replaced, and how far apart their closes are."""
    kept = duplicates.kept_rows(rows[BAR])[superseded]
    close = rows[CLOSE]
    apart = np.exp(np.abs(np.log(close[superseded] / close[kept])))
    bars = len(np.unique(kept))
    if bars >= _MIXED_BARS and np.median(apart) > _MIXED_FACTOR:
        raise CandleFileError(
            f"{bars} bars appear twice with closes {np.median(apart):.3g} times apart: two markets in one file. "
            "Split the file by market."
        )
    if superseded.sum() > _HOURS_LOST * bars:
        raise CandleFileError(
            f"{bars} days have {superseded.sum() / bars + 1:.0f} rows each with different values and no time of day: "
            "hours whose time was lost. Give the file as it was downloaded."
        )
    return (
        f"{counted(bars, 'bar appears', 'bars appear')} with different values, closes up to {apart.max() - 1:.2%} "
        "apart; the newer form, else the larger volume, is kept."
    )
