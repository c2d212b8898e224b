"""Whether a newer file of a series may take the place of the last good one: half a file and another market may not.

The bounds lie between what vendors do to a file and what damages one. In 21 pairs of real files of one series, up to
six years apart, no day was lost, at most 20 closes changed, and none by more than 3.8 %. A body that is cut loses one
end of the history, the oldest days where a file begins with the newest; a joined or foreign file tells other closes on
nearly every day.
"""

from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import CLOSE, DATE

# A copy from a cache that is a few days old, or newest rows that a vendor takes back, are usual; a cut loses more.
MOST_LOST_AT_ENDS: Final = 3
# The longest hole that vendors' files are known to have, and that the daily grid bridges.
MOST_LOST_INSIDE: Final = 12
# Nearer than this, a close is the same one, rounded.
SAME_CLOSE: Final = 1e-4
# Twice what a real pair of files shows; of a short series half of the days that both files tell.
MOST_RESTATED: Final = 40
# Partial bars that were corrected have been off by up to 3.8 %: a close this far off is of another market or scale.
FAR_OFF: Final = 0.1
MOST_FAR_OFF: Final = 3


def suspect_reasons(old: pd.DataFrame, new: pd.DataFrame) -> tuple[str, ...]:
    """Why a newer file must not be used unless a person says so.

    Args:
        old: Daily candle table (`pipeline.candles.columns`) of the last good file.
        new: That of the newer file.

    Returns:
        A bounded clause each, none where the file may be used.

    Example: 2144 of 3142 days are gone (2017-08-17 to 2023-06-30)
    """
    before, after = (table.set_index(DATE)[CLOSE] for table in (old, new))
    return tuple(clause for clause in (_loss(before, after), _difference(before, after)) if clause)


def _loss(before: pd.Series, after: pd.Series) -> str:
    lost = before.index.difference(after.index)
    at_ends = int(((lost < after.index[0]) | (lost > after.index[-1])).sum()) if len(after) else len(lost)
    if at_ends <= MOST_LOST_AT_ENDS and len(lost) - at_ends <= MOST_LOST_INSIDE:
        return ""
    return f"{len(lost)} of {len(before)} days are gone ({lost[0]:%Y-%m-%d} to {lost[-1]:%Y-%m-%d})"


def _difference(before: pd.Series, after: pd.Series) -> str:
    common = before.index.intersection(after.index)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = after[common].to_numpy() / before[common].to_numpy() - 1.0
    size = np.abs(change)
    restated = int((size > SAME_CLOSE).sum())
    many = restated > max(MOST_FAR_OFF, min(MOST_RESTATED, len(common) // 2))
    if not many and int((size > FAR_OFF).sum()) <= MOST_FAR_OFF:
        return ""
    worst = int(np.nanargmax(size))
    return (
        f"{restated} of {len(common)} closes differ, by up to {change[worst] * 100:+.3g} % "
        f"({common[worst]:%Y-%m-%d})"
    )
