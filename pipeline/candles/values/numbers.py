"""Text to numbers: plain ones at once, grouped, decimal-comma and suffixed ones as people write them."""

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_NOTHING_IN_SMALL: Final = frozenset({"", "null", "none", "nan", "na", "n/a", "#n/a", "-", "--", "\\n"})
_NOTHING: Final = frozenset({"", "NULL", "null", "None", "NaN", "nan"})
_PLAIN: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?", re.ASCII)
_SIGNS: Final = str.maketrans("", "", " \xa0\u202f'’$€£¥₿₹₩₽₺")
_FACTORS: Final = {"k": 1e3, "m": 1e6, "b": 1e9}
_DECIMAL_COMMA: Final = re.compile(r"\d,(\d{1,2}|\d{4,})(e[+-]?\d+)?\s*$|\.\d{3},|,\d+\s*[kmb]$", re.ASCII)
_GROUPING_POINT: Final = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_GROUPING_COMMA: Final = re.compile(r",\d{3}[.,]|\d\.\d+$", re.ASCII)


def has_decimal_commas(columns: list[pa.LargeStringArray], *, comma_delimited: bool) -> bool:
    """Whether commas in numbers are decimal ones: by the numbers that can be read in one way only, else by the
    delimiter (a file whose cells are parted by commas was written where the comma is no decimal sign).

    Args:
        columns: Cells of number columns.
        comma_delimited: Whether commas part the cells.
    """
    with_commas = [
        text.lower()
        for column in columns
        for text in pc.unique(column.filter(pc.match_substring(column, ","))).to_pylist()
    ]
    decimal = sum(bool(_DECIMAL_COMMA.search(text)) for text in with_commas)
    grouping = sum(bool(_GROUPING_COMMA.search(text)) for text in with_commas)
    return decimal > grouping if decimal != grouping else bool(with_commas) and not comma_delimited


def has_grouping_points(columns: list[pa.LargeStringArray]) -> bool:
    """Whether every point in numbers groups three digits, and no comma is there to say what a point is.

    Args:
        columns: Cells of number columns.
    """
    if any(pc.any(pc.match_substring(column, ",")).as_py() for column in columns):
        return False
    with_points = [
        text
        for column in columns
        for text in pc.unique(column.filter(pc.match_substring(column, "."))).to_pylist()
    ]
    return bool(with_points) and all(_GROUPING_POINT.fullmatch(text.strip()) for text in with_points)


def read_numbers(
    cells: pa.LargeStringArray, *, decimal_comma: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers of a column, and which cells say something that is none.

    Args:
        cells: Array of shape (n_rows,).
        decimal_comma: Whether a comma is the decimal sign and a point groups digits.

    Returns:
        Numbers, NaN where there is nothing or no number; and a mask, True where there is text that is no number.
    """
    if not decimal_comma:
        try:
            return _cast(cells), np.zeros(len(cells), dtype=bool)
        except pa.ArrowInvalid:
            pass
    encoded = pc.dictionary_encode(cells)
    read = [_read(text, decimal_comma=decimal_comma) for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    numbers = np.array([np.nan if number is None else number for number in read], dtype=np.float64)
    unreadable = np.array([number is None for number in read], dtype=bool)
    return numbers[codes], unreadable[codes]


def _cast(cells: pa.LargeStringArray) -> NDArray[np.float64]:
    """Plain numbers and nothing, at once.

    Raises:
        pa.ArrowInvalid: A cell is something else.
    """
    # A failing cast of a long column is dear: a look at the ends spares most of them.
    if len(cells) and not {cells[0].as_py(), cells[-1].as_py()} & _NOTHING:
        try:
            return np.asarray(pc.cast(cells, pa.float64()).to_numpy())
        except pa.ArrowInvalid:
            pass
    told = pc.if_else(pc.is_in(cells, pa.array(sorted(_NOTHING), pa.large_string())), None, cells)
    return np.asarray(pc.cast(told, pa.float64()).to_numpy(zero_copy_only=False))


def _read(text: str, *, decimal_comma: bool) -> float | None:
    """A number, NaN for nothing, None for what is neither."""
    lowered = text.strip().lower()
    if lowered in _NOTHING_IN_SMALL:
        return np.nan
    bare = lowered.translate(_SIGNS)
    factor = _FACTORS.get(bare[-1:], 1.0)
    bare = bare.rstrip("kmb") if factor != 1.0 else bare
    if decimal_comma:
        grouped = "," in bare or _GROUPING_POINT.fullmatch(bare)
        bare = bare.replace(".", "").replace(",", ".") if grouped else bare
    elif "," in bare:
        if not re.fullmatch(r"[+-]?\d{1,3}(,\d{2,3})*,\d{3}(\.\d*)?", bare):
            return None
        bare = bare.replace(",", "")
    return float(bare) * factor if _PLAIN.fullmatch(bare) else None
