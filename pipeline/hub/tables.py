"""The rows of a hub's file, CSV or Parquet, with what is wrong with its form."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

FORMATS: Final = ("csv", "parquet")
FORM: Final = "form"
Found = tuple[int, str, str]
Row = tuple[int, Sequence[str]]


def read_table(
    content: bytes, columns: Sequence[str], *, file_format: str = "csv"
) -> tuple[list[Found], list[Row]]:
    """A file's rows, each with its line (CSV) or number (Parquet), and what is wrong with its form.

    Args:
        content: The file's bytes.
        columns: Names that the header must have, in any order; a row's cells come in this order.
        file_format: `csv` or `parquet`.

    Returns:
        Faults (line, kind, message) and rows; without rows where the header is wrong.
    """
    return _read_csv(content, columns) if file_format == "csv" else _read_parquet(content, columns)


def _read_csv(content: bytes, columns: Sequence[str]) -> tuple[list[Found], list[Row]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return [(content[: error.start].count(b"\n") + 1, FORM, "is not UTF-8 text")], []
    if text.startswith("\ufeff"):
        return [(1, FORM, "begins with a byte order mark: write plain UTF-8")], []
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(reader, [])
        faults = [(1, FORM, message) for message in _header_faults(header, columns)]
        if faults:
            return faults, []
        return _rows(((reader.line_num, cells) for cells in reader), header, columns)
    except csv.Error as error:
        return [(reader.line_num, FORM, f"is not CSV ({error})")], []


def _read_parquet(content: bytes, columns: Sequence[str]) -> tuple[list[Found], list[Row]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(io.BytesIO(content)).read()
        cells = [[_text(value) for value in column.to_pylist()] for column in table.columns]
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        return [
            (0, FORM, f"is not Parquet ({str(error).splitlines()[0][:80] if str(error) else 'unreadable'})")
        ], []
    faults: list[Found] = [(0, FORM, message) for message in _header_faults(table.column_names, columns)]
    if faults:
        return faults, []
    return _rows(enumerate(zip(*cells, strict=True), start=1), table.column_names, columns)


def _text(value: Any) -> str:
    return "NA" if value is None else str(value).upper() if isinstance(value, bool) else str(value)


def _rows(
    numbered: Iterable[tuple[int, Sequence[str]]], header: Sequence[str], columns: Sequence[str]
) -> tuple[list[Found], list[Row]]:
    order = [header.index(name) for name in columns]
    found: list[Found] = []
    rows: list[Row] = []
    for line, cells in numbered:
        if len(cells) == len(header):
            rows.append((line, [cells[index] for index in order]))
        else:
            found.append((line, FORM, f"has {len(cells)} cells where the header has {len(header)}"))
    if not rows and not found:
        found.append((0, FORM, "has no rows"))
    return found, rows


def _header_faults(header: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    if not header:
        yield f"is empty; expected the columns {', '.join(columns)}"
        return
    missing = [name for name in columns if name not in header]
    unexpected = [name for name in header if name not in columns]
    repeated = sorted({name for name in header if header.count(name) > 1})
    if missing:
        yield f"lacks the column {', '.join(missing)}"
    if unexpected:
        yield f"has a column that does not belong: {', '.join(unexpected)[:80]}"
    if repeated:
        yield f"has a column twice: {', '.join(repeated)[:80]}"
