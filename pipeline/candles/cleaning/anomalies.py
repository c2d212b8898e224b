"""What is strange in candles that are kept: told, never repaired."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.columns import CLOSE, HIGH, LOW, OPEN, VOLUMES
from pipeline.candles.grid import MAX_FILL
from pipeline.candles.row_filter import Columns, Mask, counted
from pipeline.candles.values.rows import BAR
from pipeline.candles.values.timestamps import spoken_instant

_WICK: Final = 2.0
_JUMP: Final = 2.0
_FLAT_RUN: Final = 3
_SHORT: Final = 60
_NAMED: Final = 3
_DAY: Final = np.timedelta64(1, "D") // np.timedelta64(1, "us")


def describe_oddities(rows: Columns, missing: Sequence[str], widened: Sequence[str]) -> tuple[str, ...]:
    """Sentences about wicks, flat runs, a stale tail, jumps, widened ranges, holes and a short file.

    Args:
        rows: Kept rows, sorted by bar.
        missing: ISO dates of the missing candles.
        widened: Those of candles whose range did not hold their open and close.
    """
    opening, high, low, close = (rows[name] for name in (OPEN, HIGH, LOW, CLOSE))
    volume = np.fmax.reduce([rows[name] for name in VOLUMES])
    top, bottom = np.maximum(opening, close), np.minimum(opening, close)
    still = high == low
    flat = still & (close == np.append(close[:1], close[:-1]))
    ratio = np.append(1.0, close[1:] / close[:-1])
    masks = {
        "Wicks beyond twice or half of open and close": (high > _WICK * top) | (low * _WICK < bottom),
        "Closes more than twice or less than half of the one before": (ratio > _JUMP) | (ratio < 1 / _JUMP),
        "Flat without volume (an outage or no trade)": still & (volume == 0),
        f"Runs of {_FLAT_RUN} or more flat candles begin": _run_starts(flat),
    }
    dates = rows[BAR]
    found = [f"{what}: {_listed(dates[mask])}." for what, mask in masks.items() if mask.any()]
    tail = _unmoved(flat)
    if tail >= _FLAT_RUN:
        found.append(f"Stale tail: no candle moves from {spoken_instant(int(dates[-tail]))} on.")
    if widened:
        found.append(
            f"Open or close a hair outside the range, which is widened to hold it: {counted(len(widened), 'candle')} "
            f"({_few(widened, len(widened))})."
        )
    if missing:
        found.append(
            f"Missing: {counted(len(missing), 'candle')} ({_few(missing, len(missing))}){_unfilled(dates)}."
        )
    if len(dates) < _SHORT:
        found.append(f"Short file: {counted(len(dates), 'candle')}.")
    return tuple(found)


def _listed(dates: NDArray[np.int64]) -> str:
    days = [spoken_instant(int(date)) for date in dates[:_NAMED]]
    return f"{counted(len(dates), 'candle')} ({_few(days, len(dates))})"


def _unfilled(dates: NDArray[np.int64]) -> str:
    """What holes that are too long for a fill mean; empty where there is none."""
    ends = np.flatnonzero(np.diff(dates) > (MAX_FILL + 1) * _DAY)
    if not len(ends):
        return ""
    before = spoken_instant(int(dates[ends[-1]]))
    holes = counted(len(ends), f"hole of more than {MAX_FILL} days", f"holes of more than {MAX_FILL} days")
    return f"; {holes}, the last after {before}: not filled, no forecast looks across"


def _few(days: Sequence[str], count: int) -> str:
    shown = ", ".join(days[:_NAMED])
    return shown if count <= _NAMED else f"{shown} and {count - _NAMED} more"


def _run_starts(flat: Mask) -> Mask:
    """First rows of runs of at least `_FLAT_RUN` flat rows."""
    edges = np.diff(np.concatenate([[0], flat.astype(np.int8), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    mask = np.zeros(len(flat), dtype=bool)
    mask[starts[stops - starts >= _FLAT_RUN]] = True
    return mask


def _unmoved(flat: Mask) -> int:
    """Length of the flat run at the end."""
    moving = np.flatnonzero(~flat)
    return len(flat) - 1 - int(moving[-1]) if len(moving) else len(flat)
