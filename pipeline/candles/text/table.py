"""A table of a text: where it stands, and the cells of its lines."""

import csv
from dataclasses import dataclass
from typing import Final

from pipeline.candles.text.layout import Layout

DELIMITERS: Final = (",", ";", "\t", "|")
_OTHERS: Final = {one: "".join(sign for sign in DELIMITERS if sign != one) for one in DELIMITERS}
# A header stands among these lines, or above further rows.
FIRST_LINES: Final = 50
# Letters of a line that is looked at: a longer one is no row of candles.
LONGEST: Final = 10_000
# `"Jan 05, 2020",,` is a date beside empty cells and no row in quotes.
_FEWEST_INNER: Final = 2


@dataclass(frozen=True)
class Header:
    """A header and its place.

    Attributes:
        start: Index of its first line, banner lines included.
        stop: Index of the first line after it.
        delimiter: What parts the cells of the rows under it.
        layout: What the columns mean.
    """

    start: int
    stop: int
    delimiter: str
    layout: Layout


def split_cells(line: str, delimiter: str) -> list[str]:
    """Cells of one line; quotes hold delimiters but never line ends."""
    if '"' not in line:
        return line.split(delimiter)
    # Empty cells that a spreadsheet of another delimiter has put behind a row in quotes.
    bare = line.rstrip(_OTHERS[delimiter]) if line[0] == '"' else line
    line = bare if bare.endswith('"') else line
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [""])
    except csv.Error:
        return [line]
    # A spreadsheet that took each row for one cell has put the whole of it in quotes.
    if delimiter in cells[0] and not any(cells[1:]):
        inner = split_cells(cells[0], delimiter) if cells[0] != line else [cells[0]]
        return inner if len(cells) == 1 or len(inner) > _FEWEST_INNER else cells
    return cells
