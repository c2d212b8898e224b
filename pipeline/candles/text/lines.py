"""Lines of a text in one array: strings are made only of those that are looked at."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_DIGITS: Final = pa.array([digit.encode() for digit in "0123456789"], pa.large_binary())


class Lines:
    """Lines of a text, without their ends.

    Attributes:
        array: The lines, of type large_string.
    """

    def __init__(self, text: str) -> None:
        self.array = pc.split_pattern(pa.array([text], pa.large_string()), "\n").flatten()
        if text.endswith("\n"):
            self.array = self.array[:-1]

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, number: int) -> str:
        return str(self.array[number].as_py())

    def naming(self, word: str, *, among_first: int) -> list[int]:
        """Numbers of the lines that hold a word, in small or capital letters.

        Args:
            word: What to look for.
            among_first: How many lines are looked at in any case; of the others, which are many, only those that do
                not begin with a digit, as rows do.
        """
        begins = pc.binary_slice(self.array.cast(pa.large_binary()), 0, 1)
        candidates = ~pc.is_in(begins, _DIGITS).to_numpy(zero_copy_only=False)
        candidates[:among_first] = True
        numbers = np.flatnonzero(candidates)
        named = pc.match_substring(self.array.take(pa.array(numbers)), word.strip(), ignore_case=True)
        return [int(number) for number in numbers[named.to_numpy(zero_copy_only=False)]]
