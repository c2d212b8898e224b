"""What is odd in a candle table, row by row: plain rules that the custom expectations apply."""

from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, OPEN, VOLUME_BASE
from pipeline.forecasts.quantiles import FloatArray

BoolArray = NDArray[np.bool_]

_SIGMA_OF_MAD = 1.4826


def missing_dates(candles: pd.DataFrame, *, step: timedelta) -> pd.DatetimeIndex:
    """Opening instants between the first and the last candle that have no candle.

    Args:
        candles: Candle table.
        step: Time from one candle to the next.
    """
    present = pd.DatetimeIndex(candles[DATE].dropna()).unique().sort_values()
    if present.empty:
        return present
    return pd.date_range(present[0], present[-1], freq=step).difference(present)


def jumps(candles: pd.DataFrame, *, deviations: float, floor: float) -> BoolArray:
    """Rows whose close moved beyond `max(floor, deviations × σ)` since the row before.

    σ is 1.4826 × the median absolute deviation of the table's log returns, so that a few wrong prices do not
    widen the bound they are held against. A return over a hole is divided by the root of its length in steps.

    Args:
        candles: Candle table.
        deviations: Bound in robust standard deviations.
        floor: Least bound, as a log return.
    """
    closes = _logarithm(candles[CLOSE])
    gaps = candles[DATE].diff().dt.total_seconds()
    steps = (gaps / gaps.median()).to_numpy()
    moves = np.diff(closes, prepend=np.nan) / np.sqrt(np.maximum(steps, 1.0))
    known = moves[np.isfinite(moves)]
    if not known.size:
        return np.zeros(len(candles), dtype=bool)
    spread = _SIGMA_OF_MAD * np.median(np.abs(known - np.median(known)))
    return np.asarray(np.abs(np.nan_to_num(moves)) > max(floor, deviations * spread), dtype=bool)


def long_wicks(candles: pd.DataFrame, *, multiple: float, floor: float) -> BoolArray:
    """Rows whose high or low lies far outside the candle's body.

    A wick is log(high / max(open, close)) or log(min(open, close) / low); the longer one is held against
    `max(floor, multiple × the table's median)`.
    """
    opens, highs, lows, closes = (_logarithm(candles[name]) for name in (OPEN, HIGH, LOW, CLOSE))
    wicks = np.maximum(highs - np.maximum(opens, closes), np.minimum(opens, closes) - lows)
    known = wicks[np.isfinite(wicks)]
    if not known.size:
        return np.zeros(len(candles), dtype=bool)
    return np.asarray(np.nan_to_num(wicks) > max(floor, multiple * float(np.median(known))), dtype=bool)


def standstills(candles: pd.DataFrame, *, at_least: int) -> BoolArray:
    """Rows without a range or without volume, `at_least` in a row or the newest of the table.

    A single quiet day in a thin market is ordinary; a run of them is an outage that the vendor filled.
    """
    still = ((candles[HIGH] == candles[LOW]) | (candles[VOLUME_BASE] == 0)).to_numpy()
    if not still.size:
        return np.zeros(0, dtype=bool)
    run = np.cumsum(np.diff(still, prepend=still[:1]))
    in_a_run = np.bincount(run)[run] >= at_least
    in_a_run[-1] = True
    return np.asarray(still & in_a_run, dtype=bool)


def thin_newest(candles: pd.DataFrame, *, share: float, over: int) -> BoolArray:
    """The newest row, if its volume is below `share` of the median of the `over` rows before it."""
    thin = np.zeros(len(candles), dtype=bool)
    volumes = candles[VOLUME_BASE].to_numpy()
    before = volumes[-over - 1 : -1]
    before = before[np.isfinite(before)]
    if before.size == over:
        thin[-1] = volumes[-1] < share * np.median(before)
    return thin


def _logarithm(prices: pd.Series) -> FloatArray:
    """Natural logarithm; NaN where a price is not positive or not finite."""
    values = prices.to_numpy(dtype=np.float64)
    usable = np.isfinite(values) & (values > 0)
    return np.log(np.where(usable, values, np.nan))
