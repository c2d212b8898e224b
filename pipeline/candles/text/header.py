"""Where a file's headers are: any line, any delimiter, one row or several (yfinance)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import Final

from pipeline.candles.columns import CLOSE, DATE
from pipeline.candles.text.headerless import by_number, known_form, no_header
from pipeline.candles.text.layout import Layout, choose_columns, read_layout
from pipeline.candles.text.lines import Lines
from pipeline.candles.text.names import CLOCK, UNIX, plain_name
from pipeline.candles.text.roles import column_roles
from pipeline.candles.text.symbols import plain_symbol
from pipeline.candles.text.table import DELIMITERS, FIRST_LINES, LONGEST, Header, split_cells
from pipeline.candles.text.time_cells import is_time
from pipeline.errors import CandleFileError

_BANNERS: Final = ("cryptodatadownload", "sep=")
_MOST_HEADERS: Final = 200
_ROWS_LOOKED_AT: Final = 5
_COUNT_DIGITS: Final = 8
# Lines that a header with line ends in its names may take.
_MOST_NAME_LINES: Final = 12
# A bound on what damaged files can cost: lines looked at for being a header, and their letters.
_MOST_LOOKS: Final = 2000
_MOST_LETTERS: Final = 1_000_000


def find_headers(lines: Lines, *, mapping: Mapping[str, str] | None, ticker: str) -> tuple[Header, ...]:
    """Every header of the file, first to last.

    Raises:
        CandleFileError: There is none.
    """
    if mapping and (numbered := by_number(lines, mapping)):
        return (numbered,)
    word = (mapping or {}).get(CLOSE, CLOSE)
    headers = _headers_at(lines, lines.naming(word, among_first=FIRST_LINES), mapping, ticker)
    if not headers:
        headers = _headers_at(lines, range(min(FIRST_LINES, len(lines))), mapping, ticker)
    if headers:
        return tuple(headers)
    form = None if mapping else known_form(lines)
    if form is None:
        raise CandleFileError(no_header(lines, mapping))
    return (form,)


def _headers_at(
    lines: Lines, numbers: Iterable[int], mapping: Mapping[str, str] | None, ticker: str
) -> list[Header]:
    headers: list[Header] = []
    letters = 0
    for number in islice(numbers, _MOST_LOOKS):
        length = len(lines[number])
        if (headers and number < headers[-1].stop) or length > LONGEST:
            continue
        letters += length
        if letters > _MOST_LETTERS:
            break
        header = _header_at(lines, number, mapping, ticker)
        if header is not None:
            headers.append(header)
        if len(headers) > _MOST_HEADERS:
            raise CandleFileError(
                f"The file holds more than {_MOST_HEADERS} tables, each under its own header. Split it."
            )
    return headers


def _header_at(lines: Lines, number: int, mapping: Mapping[str, str] | None, ticker: str) -> Header | None:
    best: Header | None = None
    for delimiter in DELIMITERS:
        text, stop = _whole(lines, number)
        cells = split_cells(text, delimiter)
        if len(cells) < 2:
            continue
        rows = _rows_beside(lines, number, stop, delimiter)
        if stop < len(lines) and max(map(len, rows), default=2) < 2:
            continue
        cells = _with_index(cells, rows)
        layout = read_layout(cells, mapping, row=rows[0] if rows else (), symbol=ticker)
        found = Header(number, stop, delimiter, layout) if layout else None
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


def _whole(lines: Lines, number: int) -> tuple[str, int]:
    """A line with those that its quoted names run on to, as `"Close` and `(USD)"`, and the place after them."""
    text = lines[number]
    for stop in range(number + 1, min(number + _MOST_NAME_LINES, len(lines)) + 1):
        if not text.count('"') % 2:
            return text, stop
        text = f"{text} {lines[stop]}" if stop < len(lines) else text
    return lines[number], number + 1


def _rows_beside(lines: Lines, number: int, stop: int, delimiter: str) -> list[list[str]]:
    """Cells of the rows below a header; of the row above, where a sheet was sorted so that none is below."""
    places = range(stop, min(stop + _ROWS_LOOKED_AT, len(lines))) or range(max(number - 1, 0), number)
    return [split_cells(lines[place], delimiter) for place in places if len(lines[place]) <= LONGEST]


def _with_index(cells: list[str], rows: list[list[str]]) -> list[str]:
    """The header with a column in front for an index that rows have and the header does not name.

    Every row has one cell more, the last of them is not empty, and the first count up or down, or are the times that
    the header does not name.
    """
    if not rows or any(len(row) != len(cells) + 1 or not row[-1].strip() for row in rows):
        return cells
    index = [row[0].strip(' "') for row in rows]
    counts = [int(text) for text in index if text.isdecimal() and len(text) < _COUNT_DIGITS]
    steps = {later - before for before, later in pairwise(counts)}
    counting = len(counts) == len(index) > 1 and steps in ({1}, {-1})
    named = {role for role, _ in column_roles(cells)} & {UNIX, DATE, CLOCK}
    return ["", *cells] if counting or (not named and all(is_time(text) for text in index)) else cells


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
