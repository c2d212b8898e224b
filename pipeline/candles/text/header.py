"""Where a file's headers are: any line, any delimiter, one row or several (yfinance)."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from pipeline.candles.columns import CLOSE, DATE
from pipeline.candles.text.layout import UNIX, Layout, choose_columns, column_roles, plain_name, read_layout
from pipeline.candles.text.lines import Lines
from pipeline.candles.text.symbols import plain_symbol
from pipeline.errors import CandleFileError

_DELIMITERS: Final = (",", ";", "\t", "|")
_BANNERS: Final = ("cryptodatadownload", "sep=")
_FIRST_LINES: Final = 50
_MOST_HEADERS: Final = 200
# Bounds on what damaged files can cost: lines looked at for being a header, and letters of such a line.
_MOST_LOOKS: Final = 2000
_LONGEST: Final = 10_000


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
    try:
        return next(csv.reader([line], delimiter=delimiter), [""])
    except csv.Error:
        return [line]


def find_headers(lines: Lines, *, mapping: Mapping[str, str] | None, ticker: str) -> tuple[Header, ...]:
    """Every header of the file, first to last.

    Raises:
        CandleFileError: There is none.
    """
    word = (mapping or {}).get(CLOSE, CLOSE)
    headers = _headers_at(lines, lines.naming(word, among_first=_FIRST_LINES), mapping, ticker)
    if not headers:
        headers = _headers_at(lines, range(min(_FIRST_LINES, len(lines))), mapping, ticker)
    if not headers:
        raise CandleFileError(_no_header(lines, mapping), rows_read=len(lines))
    return tuple(headers)


def _headers_at(
    lines: Lines, numbers: Iterable[int], mapping: Mapping[str, str] | None, ticker: str
) -> list[Header]:
    headers: list[Header] = []
    for number in islice(numbers, _MOST_LOOKS):
        if (headers and number < headers[-1].stop) or len(lines[number]) > _LONGEST:
            continue
        header = _header_at(lines, number, mapping, ticker)
        if header is not None:
            headers.append(header)
        if len(headers) > _MOST_HEADERS:
            raise CandleFileError(
                f"The file holds more than {_MOST_HEADERS} tables, each under its own header. Split it.",
                rows_read=len(lines),
            )
    return headers


def _header_at(lines: Lines, number: int, mapping: Mapping[str, str] | None, ticker: str) -> Header | None:
    best: Header | None = None
    for delimiter in _DELIMITERS:
        cells = split_cells(lines[number], delimiter)
        layout = read_layout(cells, mapping)
        found = Header(number, number + 1, delimiter, layout) if layout else None
        if found is None and not mapping:
            found = _several_rows(lines, number, delimiter, ticker)
        if found and (best is None or len(found.layout.names) > len(best.layout.names)):
            best = found
    if best is None:
        return None
    start = best.start
    while start and any(banner in lines[start - 1].lower() for banner in _BANNERS):
        start -= 1
    return replace(best, start=start, layout=replace(best.layout, banner=start < best.start))


def _several_rows(lines: Lines, number: int, delimiter: str, ticker: str) -> Header | None:
    """Yfinance's header of fields, tickers and the name of the date, in the orders in which it writes them."""
    names = split_cells(lines[number], delimiter)
    columns = column_roles(names)
    if CLOSE not in {role for role, _ in columns} or plain_name(names[0]) not in {"", "price", "attributes"}:
        return None
    around = {
        kind: place
        for place in range(max(0, number - 1), min(len(lines), number + 3))
        if place != number and (kind := _kind(split_cells(lines[place], delimiter)))
    }
    if DATE not in around:
        return None
    rows = [number, *around.values()]
    tickers = split_cells(lines[around["tickers"]], delimiter) if "tickers" in around else []
    tickers += [""] * (len(names) - len(tickers))
    wanted = _choose_ticker(sorted({tickers[index] for _, index in columns if index} - {""}), ticker)
    chosen = {
        role: index
        for role, index in reversed(columns)
        if index and tickers[index] in {wanted, ""} and role != UNIX
    }
    layout = choose_columns(Layout({}, tuple(names)), {**chosen, DATE: 0}, wanted)
    return Header(min(rows), max(rows) + 1, delimiter, layout) if CLOSE in chosen else None


def _kind(cells: Sequence[str]) -> str:
    """`tickers` or `date` for the lines beside yfinance's fields; empty for others."""
    first, others = plain_name(cells[0]), [cell.strip() for cell in cells[1:]]
    if first in {"date", "datetime"} and not any(others):
        return DATE
    named = first in {"ticker", "symbols", ""} and bool(others) and all(others)
    return "tickers" if named and not any(cell[0].isdigit() for cell in others) else ""


def _choose_ticker(tickers: Sequence[str], wanted: str) -> str:
    if len(tickers) <= 1:
        return tickers[0] if tickers else ""
    for ticker in tickers:
        if wanted and plain_symbol(ticker) == wanted:
            return ticker
    raise CandleFileError(
        f"The file holds several markets: {', '.join(tickers)[:120]}. "
        "Name the one to read with --series exchange/SYMBOL/timeframe."
    )


def _no_header(lines: Lines, mapping: Mapping[str, str] | None) -> str:
    first = next((line for number in range(len(lines)) if (line := lines[number]).strip()), "")
    begins = ascii(first[:60])[:80]
    if mapping:
        wanted = ", ".join(f"{role}={name}" for role, name in mapping.items())[:120]
        return f"No line names all the columns of --map {wanted}; the file begins with {begins}."
    return (
        "No header was found: expected a line that names a date (or unix time) and a close, as CryptoDataDownload "
        f"and Yahoo write; the file begins with {begins}. Name other columns with --map date=Day,close=Price."
    )
