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
from pipeline.candles.text.header import find_headers
from pipeline.candles.text.lines import Lines
from pipeline.candles.text.roles import ROLES, check_mapping
from pipeline.candles.text.table import LONGEST, Header, split_cells
from pipeline.errors import CandleFileError

# Cells of quoted lines are joined again by a sign that no cell holds, so that one splitter serves all files.
_UNIT: Final = "\x1f"
_CREATED: Final = re.compile(r"created on (\d{2})-(\d{2})-(\d{4})", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Sheet:
    """A file's rows as text.

    Attributes:
        headers: Every header found; the first decides the format.
        cells: Role → array of n_rows strings; empty text where a section lacks the column.
        lines: Number of each row's line in the file, array of shape (n_rows,).
        blank: Lines without a value.
        ragged: Numbers of the lines whose cells do not fit their header.
        ragged_line: The first of them.
        repeated_headers: Further header and banner lines among the rows.
        created: Day on which the banner says the file was made; None where it does not.
        grouped: Whether a cell may hold commas, so that numbers may be grouped or have a decimal comma.
        comma_delimited: Whether commas part the cells.
    """

    headers: tuple[Header, ...]
    cells: Mapping[str, pa.LargeStringArray]
    lines: NDArray[np.int64]
    blank: int
    ragged: NDArray[np.int64]
    ragged_line: str
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
    try:
        headers = find_headers(lines, mapping=mapping, ticker=ticker)
    except CandleFileError as error:
        error.rows_read = error.rows_read or lines.total
        raise
    quoted = '"' in text
    sections = [
        _read_section(lines, header, number, quoted=quoted) for header, number in _extents(headers, lines)
    ]
    first = headers[0]
    sheet = Sheet(
        headers=headers,
        cells=_joined(sections),
        lines=np.concatenate([section.lines for section in sections]),
        blank=lines.blank_after(first.stop),
        ragged=(ragged := np.concatenate([section.ragged for section in sections])),
        ragged_line=lines[int(np.searchsorted(lines.numbers, ragged[0] - 1))] if len(ragged) else "",
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
    """Rows under one header; cells of the roles that it has."""

    cells: Mapping[str, pa.LargeStringArray]
    lines: NDArray[np.int64]
    ragged: NDArray[np.int64]


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


def _read_section(lines: Lines, header: Header, places: range, *, quoted: bool) -> _Section:
    rows, delimiter = lines.array[places.start : places.stop], header.delimiter
    too_long = pc.greater(pc.binary_length(rows), LONGEST)
    if pc.any(too_long).as_py():
        rows = pc.if_else(too_long, "", rows)
    if quoted:
        rows = pa.array(
            (_UNIT.join(split_cells(row, delimiter)) for row in rows.to_pylist()), pa.large_string()
        )
        delimiter = _UNIT
    names = header.layout.names
    numbers = lines.numbers[places.start : places.stop] + 1
    parts = pc.split_pattern(rows, delimiter)
    fits = pc.list_value_length(parts).to_numpy() == len(names)
    cells = (parts if fits.all() else parts.filter(pa.array(fits))).flatten()
    misfits = np.flatnonzero(~fits)
    if not len(misfits):
        return _Section(_columns(cells, header), numbers, misfits)
    named = 1 + max(
        place for place, name in enumerate(names) if name.strip() or place in header.layout.columns.values()
    )
    mended = [_mend(row.split(delimiter), header, named) for row in rows.take(pa.array(misfits)).to_pylist()]
    whole = np.array([row is not None for row in mended], dtype=bool)
    columns = _columns(cells, header)
    extra = zip(*(row for row in mended if row), strict=True) if whole.any() else [()] * len(columns)
    return _Section(
        cells={
            role: pa.concat_arrays([column, pa.array(more, pa.large_string())])
            for (role, column), more in zip(columns.items(), extra, strict=True)
        },
        lines=numbers[np.concatenate([np.flatnonzero(fits), misfits[whole]])],
        ragged=numbers[misfits[~whole]],
    )


def _mend(cells: list[str], header: Header, named: int) -> tuple[str, ...] | None:
    """Cells of the header's roles in a line that is longer by empty cells, or shorter by columns without a name."""
    if len(cells) < named or any(cell.strip() for cell in cells[len(header.layout.names) :]):
        return None
    return tuple(cells[index] if index < len(cells) else "" for index in header.layout.columns.values())


def _columns(cells: pa.LargeStringArray, header: Header) -> dict[str, pa.LargeStringArray]:
    """Role → its column, of cells row after row."""
    width = len(header.layout.names)
    return {
        role: cells.take(pa.array(np.arange(index, len(cells), width)))
        for role, index in header.layout.columns.items()
    }


def _joined(sections: Sequence[_Section]) -> dict[str, pa.LargeStringArray]:
    """Role → its cells in all sections; roles that none has share one column of empty text."""
    empty = [pa.repeat(pa.scalar("", pa.large_string()), len(section.lines)) for section in sections]
    nothing = pa.concat_arrays(empty)
    if len(sections) == 1:
        return {role: sections[0].cells.get(role, nothing) for role in ROLES}
    named = {role for section in sections for role in section.cells}
    return dict.fromkeys(ROLES, nothing) | {
        role: pa.concat_arrays(
            [section.cells.get(role, blank) for section, blank in zip(sections, empty, strict=True)]
        )
        for role in named
    }
