"""Lines of a text that hold something: strings are made only of those that are looked at."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.candles.row_filter import Mask
from pipeline.errors import CandleFileError

# Hours of a market make this many rows in 57 years; what has more would only be refused for its spacing, dearly.
MOST_ROWS: Final = 500_000
_PIECE: Final = 8 << 20
_BLANKS: Final = ' \t\xa0,;|"'
# By the first byte of a line, 0 where it is empty: whether it may be blank (a no-break space begins with C2), and
# whether it begins with a digit.
_MAY_BE_BLANK: Final = np.isin(np.arange(256), [0, 0xC2, *_BLANKS.encode("latin-1")])
_IS_DIGIT: Final = np.isin(np.arange(256), [*b"0123456789"])


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
            lines = lines[:-1] if piece.endswith("\n") else lines
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
        candidates = ~_IS_DIGIT[_first_bytes(self.array)]
        candidates[:among_first] = True
        places = np.flatnonzero(candidates)
        named = pc.match_substring(self.array.take(pa.array(places)), word.strip(), ignore_case=True)
        return [int(place) for place in places[named.to_numpy(zero_copy_only=False)]]


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of whole lines, so that millions of blank lines are never held at once."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE)
        end = len(text) if end < 0 else end + 1
        yield text[start:end]
        start = end


def _blank(lines: pa.LargeStringArray) -> Mask:
    """Lines without a value: nothing, or delimiters, quotes and spaces only."""
    blank: Mask = _MAY_BE_BLANK[_first_bytes(lines)]
    suspects = np.flatnonzero(blank)
    if len(suspects):
        bare = pc.utf8_trim(lines.take(pa.array(suspects)), _BLANKS)
        blank[suspects] = pc.equal(bare, "").to_numpy(zero_copy_only=False)
    return blank


def _first_bytes(lines: pa.LargeStringArray) -> NDArray[np.uint8]:
    """The first byte of each line, 0 where it is empty."""
    _, offsets, text = lines.buffers()
    starts = np.frombuffer(offsets, np.int64)[lines.offset : lines.offset + len(lines) + 1]
    full = starts[1:] > starts[:-1]
    first = np.zeros(len(lines), np.uint8)
    if full.any():
        first[full] = np.frombuffer(text, np.uint8)[starts[:-1][full]]
    return first
