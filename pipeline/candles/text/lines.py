"""Lines of a text that hold something: strings are made only of those that are looked at."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.candles.row_filter import Mask
from pipeline.errors import CandleFileError

# Hours of a market make this many rows in 57 years; what has more would only be refused for its spacing, dearly.
MOST_ROWS: Final = 500_000
_PIECE: Final = 4 << 20
_BLANKS: Final = ' \t\xa0,;|"'
_DIGITS: Final = pa.array([digit.encode() for digit in "0123456789"], pa.large_binary())
# First bytes of lines that may hold nothing: a no-break space begins with C2.
_MAY_BE_BLANK: Final = pa.array(
    [b"", b"\xc2", *(sign.encode() for sign in _BLANKS if sign < "\x80")], pa.large_binary()
)


class Lines:
    """Lines of a text that are not blank, without their ends.

    Attributes:
        array: The lines, of type large_string.
        numbers: Which line of the text each is, counted from 0.
        total: Lines of the text, blank ones included.
    """

    def __init__(self, text: str) -> None:
        arrays, places, kept = [], [], 0
        self.total = 0
        for piece in _pieces(text):
            lines = pc.split_pattern(pa.array([piece], pa.large_string()), "\n").flatten()
            full = np.flatnonzero(~_blank(lines))
            arrays.append(lines if len(full) == len(lines) else lines.take(pa.array(full)))
            places.append(full + self.total)
            self.total += len(lines)
            kept += len(full)
            if kept > MOST_ROWS:
                raise CandleFileError(
                    f"The file has more than {MOST_ROWS:,} rows: expected daily or hourly candles of a market. "
                    "Give one of those, or split the file.",
                    rows_read=kept,
                )
        self.array = arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
        self.numbers = np.concatenate(places)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, number: int) -> str:
        return str(self.array[number].as_py())

    def blank_after(self, place: int) -> int:
        """How many blank lines stand below the line before a place."""
        before = int(self.numbers[place - 1]) + 1 if place else 0
        return self.total - before - (len(self) - place)

    def naming(self, word: str, *, among_first: int) -> list[int]:
        """Places of the lines that hold a word, in small or capital letters.

        Args:
            word: What to look for.
            among_first: How many lines are looked at in any case; of the others, which are many, only those that do
                not begin with a digit, as rows do.
        """
        candidates = ~_begins_with(self.array, _DIGITS)
        candidates[:among_first] = True
        places = np.flatnonzero(candidates)
        named = pc.match_substring(self.array.take(pa.array(places)), word.strip(), ignore_case=True)
        return [int(place) for place in places[named.to_numpy(zero_copy_only=False)]]


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of whole lines, so that millions of blank lines are never held at once."""
    start, length = 0, len(text) - text.endswith("\n")
    while start <= length:
        end = text.find("\n", start + _PIECE, length)
        end = length if end < 0 else end
        yield text[start:end]
        start = end + 1


def _blank(lines: pa.LargeStringArray) -> Mask:
    """Lines without a value: nothing, or delimiters, quotes and spaces only."""
    blank = _begins_with(lines, _MAY_BE_BLANK)
    suspects = np.flatnonzero(blank)
    if len(suspects):
        bare = pc.utf8_trim(lines.take(pa.array(suspects)), _BLANKS)
        blank[suspects] = pc.equal(bare, "").to_numpy(zero_copy_only=False)
    return blank


def _begins_with(lines: pa.LargeStringArray, firsts: pa.LargeBinaryArray) -> Mask:
    begins = pc.binary_slice(lines.cast(pa.large_binary()), 0, 1)
    mask: Mask = pc.is_in(begins, firsts).to_numpy(zero_copy_only=False).copy()
    return mask
