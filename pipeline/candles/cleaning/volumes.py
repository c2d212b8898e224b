"""Which volume is in base currency and which in quote: decided row by row, because labels lie and switch."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.row_filter import Mask
from pipeline.candles.values.timestamps import spoken_instant

Floats = NDArray[np.float64]

# Prices so near 1 make both sides look alike; further off than _FAR, neither reading explains the volumes.
_NEAR_ONE: Final = 1.05
_FAR: Final = 3.0


def swapped_rows(base: Floats, quote: Floats, low: Floats, high: Floats) -> Mask:
    """Rows whose labels are the wrong way round.

    quote / base is the bar's average price. A row says "swapped" if base / quote is about the bar's price and
    quote / base is not. A row that cannot tell (no volume, a price near 1) follows the last older row that
    could, and its label before there is one: what a row means never depends on rows after it.

    Args:
        base: Volumes labelled base, oldest row first, array of shape (n_rows,).
        quote: Volumes labelled quote.
        low: Lowest prices.
        high: Highest prices.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        average = np.log(quote) - np.log(base)
        price = (np.log(low) + np.log(high)) / 2
        spread = np.log(_FAR) + (np.log(high) - np.log(low)) / 2
        telling = (low > _NEAR_ONE) | (high < 1 / _NEAR_ONE)
        as_labelled, as_swapped = np.abs(average - price), np.abs(-average - price)
    decided = telling & np.isfinite(average) & (np.minimum(as_labelled, as_swapped) <= spread)
    votes = np.where(decided, as_swapped < as_labelled, False)
    last = np.maximum.accumulate(np.where(decided, np.arange(len(votes)), -1))
    return np.where(last >= 0, votes[last], False)


def describe_swap(swapped: Mask, bars: NDArray[np.int64]) -> tuple[str, ...]:
    """What to warn of: how many rows, and where the labels switch.

    Args:
        swapped: Mask over the kept candles, oldest first.
        bars: Their starts, microseconds since 1970.
    """
    count = int(swapped.sum())
    if not count:
        return ()
    if count == len(swapped):
        return (
            "The volume columns are labelled the wrong way round on every row; quote/base ≈ price decides.",
        )
    switches = np.flatnonzero(swapped[1:] != swapped[:-1]) + 1
    shown = ", ".join(spoken_instant(int(bar)) for bar in bars[switches[:3]])
    more = f" and {len(switches) - 3} more times" if len(switches) > 3 else ""
    return (
        f"The volume columns are labelled the wrong way round on {count} of {len(swapped)} rows; the labels switch on "
        f"{shown}{more}; quote/base ≈ price decides.",
    )
