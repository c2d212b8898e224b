"""Rows on their way to candles: each is kept or dropped once, for one reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Columns of equal length by name: lighter than a DataFrame where small tables pass many stages.
Columns = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]


class RowFilter:
    """A table of rows that only shrinks, and the count of what left it and why.

    Attributes:
        rows: What is left.
        dropped: Reason → number of rows, in the order in which they left.
        examples: Reason → the first of the rows that left for it, by the columns that order them.
        warnings: Sentences, in the order in which they were found.
    """

    def __init__(self, rows: Columns, *, ordered_by: Sequence[str]) -> None:
        self.rows = rows
        self._ordered_by = ordered_by
        self.dropped: Counter[str] = Counter()
        self.examples: dict[str, dict[str, Any]] = {}
        self.warnings: list[str] = []

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))

    def drop(self, mask: Mask, reason: str) -> None:
        """Take out the rows under the mask."""
        count = int(np.count_nonzero(mask))
        if count:
            self.dropped[reason] += count
            if reason not in self.examples:
                self.examples[reason] = self._first(np.flatnonzero(mask))
            self.take(np.flatnonzero(~mask))

    def _first(self, places: NDArray[np.intp]) -> dict[str, Any]:
        """The row at one of these places that is the same whatever the order of the file."""
        for name in self._ordered_by:
            values = self.rows[name][places]
            smallest = values <= np.fmin.reduce(values)
            places = places[smallest] if smallest.any() else places
        return {name: column[places[0]] for name, column in self.rows.items()}

    def count(self, reason: str, rows: int) -> None:
        """Account for rows that never became part of the table."""
        if rows:
            self.dropped[reason] += rows

    def take(self, order: NDArray[np.intp]) -> None:
        """Keep the rows at these places, in this order."""
        self.rows = {name: column[order] for name, column in self.rows.items()}

    def set(self, **columns: NDArray[Any]) -> None:
        """Add columns, or put others in their place."""
        self.rows = {**self.rows, **columns}

    def warn(self, *sentences: str) -> None:
        """Remember what a reader of the account should know; empty sentences are nothing."""
        self.warnings.extend(sentence for sentence in sentences if sentence)


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
