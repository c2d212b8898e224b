"""Text to columns of cells: header found by content, every other line accounted for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.candles.columns import CLOSE
from pipeline.candles.row_filter import Mask
from pipeline.candles.text.header import Header, find_headers, split_cells
from pipeline.candles.text.layout import ROLES, check_mapping
from pipeline.candles.text.lines import Lines
from pipeline.errors import CandleFileError

# Cells of quoted lines are joined again by a sign that no cell holds, so that one splitter serves all files.
_UNIT: Final = "\x1f"
# A line of delimiters and so many spaces besides is still looked at for being blank.
_PADDING: Final = 40
_CREATED: Final = re.compile(r"created on (\d{2})-(\d{2})-(\d{4})", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A file's rows as text.

    Attributes:
        headers: Every header found; the first decides the format.
        cells: Role → array of n_rows strings; empty text where a section lacks the column.
        lines: Number of each row's line in the file, array of shape (n_rows,).
        blank: Lines without a value.
        ragged: Lines whose cells do not fit their header.
        repeated_headers: Further header and banner lines among the rows.
        created: Day on which the banner says the file was made; None where it does not.
        grouped: Whether a cell may hold commas, so that numbers may be grouped or have a decimal comma.
        comma_delimited: Whether commas part the cells.
    """

    headers: tuple[Header, ...]
    cells: Mapping[str, pa.LargeStringArray]
    lines: NDArray[np.int64]
    blank: int
    ragged: tuple[int, ...]
    repeated_headers: int
    created: datetime | None
    grouped: bool
    comma_delimited: bool

    @property
    def rows_read(self) -> int:
        """Lines besides the first banner and header."""
        return len(self.lines) + self.blank + len(self.ragged) + self.repeated_headers


def read_sheet(text: str, *, mapping: Mapping[str, str] | None, ticker: str) -> Sheet:
    """Cells of every row.

    Args:
        text: The file, lines ended by line feeds.
        mapping: Role → name of the column that plays it.
        ticker: Symbol wanted where a header names several; may be empty.

    Raises:
        CandleFileError: There is no header with a date and a close, or no row.
    """
    check_mapping(mapping)
    lines = Lines(text)
    headers = find_headers(lines, mapping=mapping, ticker=ticker)
    quoted = '"' in text
    sections = [
        _read_section(lines, header, number, quoted=quoted) for header, number in _extents(headers, lines)
    ]
    first = headers[0]
    sheet = Sheet(
        headers=headers,
        cells={role: _joined([section.cells[role] for section in sections]) for role in ROLES},
        lines=np.concatenate([section.lines for section in sections]),
        blank=sum(section.blank for section in sections),
        ragged=tuple(line for section in sections for line in section.ragged),
        repeated_headers=sum(header.stop - header.start for header in headers[1:]),
        created=_created([lines[number] for number in range(first.stop)]),
        grouped=quoted or any(header.delimiter != "," for header in headers),
        comma_delimited=first.delimiter == ",",
    )
    if not len(sheet.lines):
        raise CandleFileError(
            f"The file has a header but no candle: {sheet.rows_read} lines after it, none of them a row. "
            "Download it again.",
            rows_read=sheet.rows_read,
        )
    return sheet


@dataclass(frozen=True, eq=False)
class _Section:
    cells: Mapping[str, pa.LargeStringArray]
    lines: NDArray[np.int64]
    blank: int
    ragged: tuple[int, ...]


def _created(banner: Sequence[str]) -> datetime | None:
    match = _CREATED.search("\n".join(banner))
    if match is None:
        return None
    try:
        return datetime(int(match[3]), int(match[1]), int(match[2]), tzinfo=UTC)
    except ValueError:
        return None


def _extents(headers: Sequence[Header], lines: Lines) -> list[tuple[Header, range]]:
    """Each header with the numbers of its lines; rows above the first header are its own (a re-sorted sheet)."""
    stops = [*(header.start for header in headers[1:]), len(lines)]
    extents = [(header, range(header.stop, stop)) for header, stop in zip(headers, stops, strict=True)]
    first = headers[0]
    above = [number for number in range(first.start) if _is_row(lines[number], first)]
    return [(first, range(above[0], first.start)), *extents] if above else extents


def _is_row(line: str, header: Header) -> bool:
    cells = split_cells(line, header.delimiter)
    close = header.layout.columns[CLOSE]
    return len(cells) == len(header.layout.names) and any(sign.isdigit() for sign in cells[close])


def _read_section(lines: Lines, header: Header, numbers: range, *, quoted: bool) -> _Section:
    rows, delimiter = lines.array[numbers.start : numbers.stop], header.delimiter
    if quoted:
        joined = [_UNIT.join(split_cells(row, delimiter)) for row in rows.to_pylist()]
        rows, delimiter = pa.array(joined, pa.large_string()), _UNIT
    names = header.layout.names
    parts = pc.split_pattern(rows, delimiter)
    blank = _blank(rows, delimiter, len(names))
    fits = (pc.list_value_length(parts).to_numpy() == len(names)) & ~blank
    misfits = np.flatnonzero(~fits & ~blank).tolist()
    mended = {place: row for place in misfits if (row := _mend(rows[place].as_py().split(delimiter), names))}
    extra = pa.array([cell for row in mended.values() for cell in row], pa.large_string())
    whole = (parts if fits.all() else parts.filter(pa.array(fits))).flatten()
    cells = pa.concat_arrays([whole, extra]) if mended else whole
    places = np.concatenate([np.flatnonzero(fits), np.array(list(mended), dtype=np.int64)])
    return _Section(
        cells={role: _column(cells, header.layout.columns.get(role), len(names)) for role in ROLES},
        lines=places + numbers.start + 1,
        blank=int(blank.sum()),
        ragged=tuple(place + numbers.start + 1 for place in misfits if place not in mended),
    )


def _blank(rows: pa.LargeStringArray, delimiter: str, width: int) -> Mask:
    """Lines without a value; only short ones can be that."""
    blank: Mask = pc.binary_length(rows).to_numpy() <= width + _PADDING
    short = np.flatnonzero(blank)
    bare = pc.utf8_trim(rows.take(pa.array(short)), f" \t\xa0,;|{delimiter}")
    blank[short] = pc.equal(bare, "").to_numpy(zero_copy_only=False)
    return blank


def _mend(cells: list[str], names: Sequence[str]) -> list[str] | None:
    """Cells of a line that is longer by empty cells only, or shorter by columns without a name; else None."""
    if any(cell.strip() for cell in cells[len(names) :]) or any(name.strip() for name in names[len(cells) :]):
        return None
    return (cells + [""] * len(names))[: len(names)]


def _column(cells: pa.LargeStringArray, index: int | None, width: int) -> pa.LargeStringArray:
    rows = len(cells) // width
    if index is None:
        return pa.repeat(pa.scalar("", pa.large_string()), rows)
    return cells.take(pa.array(np.arange(index, rows * width, width)))


def _joined(arrays: Sequence[pa.LargeStringArray]) -> pa.LargeStringArray:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
