"""Rows on their way to candles: each is kept or dropped once, for one reason."""

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Sieve:
    """A table of rows that only shrinks, and the count of what left it and why.

    Attributes:
        rows: What is left, with a RangeIndex.
        dropped: Reason → number of rows, in the order in which they left.
        warnings: Sentences, in the order in which they were found.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self.dropped: Counter[str] = Counter()
        self.warnings: list[str] = []

    def drop(self, mask: NDArray[np.bool_], reason: str) -> None:
        """Take out the rows under the mask."""
        count = int(np.count_nonzero(mask))
        if count:
            self.dropped[reason] += count
            self.rows = self.rows[~mask].reset_index(drop=True)

    def count(self, reason: str, rows: int) -> None:
        """Account for rows that never became part of the table."""
        if rows:
            self.dropped[reason] += rows

    def sort(self, order: NDArray[np.intp]) -> None:
        """Put the rows into another order."""
        self.rows = self.rows.take(order).reset_index(drop=True)

    def warn(self, *sentences: str) -> None:
        """Remember what a reader of the account should know; empty sentences are nothing."""
        self.warnings.extend(sentence for sentence in sentences if sentence)


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
