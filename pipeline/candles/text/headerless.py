"""Tables without a header that can be understood: known forms, and columns that a person numbers."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, OPEN, PRICES, TRADES, VOLUME_BASE, VOLUME_QUOTE
from pipeline.candles.text.layout import OTHER, Layout, read_layout
from pipeline.candles.text.lines import Lines
from pipeline.candles.text.roles import CLOCK, TIMES, VOLUME, mapped_columns
from pipeline.candles.text.table import DELIMITERS, FIRST_LINES, LONGEST, Header, split_cells
from pipeline.candles.text.time_cells import is_clock, is_time

_ROWS: Final = 20
# So many of the rows looked at must be candles; one may be damaged.
_SHARE: Final = 0.9
_SHOWN: Final = 60
_DIGITS: Final = frozenset("0123456789")


class _Form(NamedTuple):
    """What writes such rows, and the role of each column; empty for one that is not read."""

    name: str
    roles: tuple[str, ...]


_FORMS: Final = (
    _Form(
        "Binance klines",
        (DATE, *PRICES, VOLUME_BASE, "", VOLUME_QUOTE, TRADES, "", "", ""),
    ),
    _Form("Kraken OHLCVT", (DATE, *PRICES, VOLUME_BASE, TRADES)),
    _Form(OTHER, (DATE, CLOCK, *PRICES, VOLUME)),
    _Form(OTHER, (DATE, CLOCK, *PRICES)),
    _Form(OTHER, (DATE, *PRICES, VOLUME)),
    _Form(OTHER, (DATE, *PRICES)),
)


def known_form(lines: Lines) -> Header | None:
    """The table of a file whose first line is a row already, in a form that is known; else None."""
    first = [lines[number] for number in range(min(_ROWS, len(lines))) if len(lines[number]) <= LONGEST]
    for delimiter in DELIMITERS:
        rows = [split_cells(line, delimiter) for line in first]
        for form in _FORMS:
            fitting = [_is_candle(row, form) for row in rows]
            if fitting and fitting[0] and sum(fitting) >= _SHARE * len(rows):
                columns = {role: index for index, role in enumerate(form.roles) if role}
                return Header(0, 0, delimiter, Layout(columns, _numbers(len(form.roles)), form=form.name))
    return None


def by_number(lines: Lines, mapping: Mapping[str, str]) -> Header | None:
    """The table whose time and close a mapping numbers from 1, with a header or without; None where it names them.

    Whatever stands above the first row that has digits in both is its header.
    """
    if not (
        {*TIMES} & mapping.keys() and CLOSE in mapping and all(name.isdecimal() for name in mapping.values())
    ):
        return None
    places = [int(name) - 1 for name in mapping.values()]
    asked = [int(mapping[role]) - 1 for role in (*TIMES, CLOSE) if role in mapping]
    found = [
        (number, delimiter, cells)
        for delimiter in DELIMITERS
        for number in range(min(FIRST_LINES, len(lines)))
        if (cells := _cells(lines, number, delimiter))
        and 0 <= min(places) <= max(places) < len(cells)
        and all(_DIGITS & {*cells[place]} for place in asked)
    ]
    if not found:
        return None
    widest = max(len(cells) for _, _, cells in found)
    number, delimiter, cells = next(one for one in found if len(one[2]) == widest)
    above = _cells(lines, number - 1, delimiter) if number else []
    named = read_layout(above, mapping, row=cells) if len(above) == widest else None
    layout = named or Layout(mapped_columns(cells, mapping) or {}, _numbers(widest))
    return Header(0, number, delimiter, layout)


def no_header(lines: Lines, mapping: Mapping[str, str] | None) -> str:
    """Why no table was found, and what to do about it in this very file."""
    line = lines[0] if len(lines) else ""
    begins = f"the file begins with {ascii(line[:_SHOWN])[:80]}"
    advice = _advice(lines)
    if mapping:
        wanted = ",".join(f"{role}={name}" for role, name in mapping.items())[:120]
        return f"No line has all the columns of --map {wanted}; {begins}. {advice}"
    return f"No header was found: expected a line that names a date (or unix time) and a close; {begins}. {advice}"


def _advice(lines: Lines) -> str:
    """A mapping by number that reads this file, where a line of it holds a time and a number."""
    for number in range(min(FIRST_LINES, len(lines))):
        for delimiter in DELIMITERS:
            cells = _cells(lines, number, delimiter)
            times = [place for place, cell in enumerate(cells) if is_time(cell)]
            prices = [place for place, cell in enumerate(cells) if _price(cell) and place not in times]
            if times and prices:
                close = prices[len(PRICES) - 1] if len(prices) >= len(PRICES) else prices[0]
                return (
                    "Number the columns that hold the date and the close, as in "
                    f"coincast inspect FILE --map date={times[0] + 1},close={close + 1} --out candles.csv"
                )
    return "Give a table of candles, a row a day or hour, with a date and a close in each."


def _cells(lines: Lines, number: int, delimiter: str) -> list[str]:
    """Cells of a line that is parted by the delimiter; none where it is not."""
    cells = split_cells(lines[number], delimiter) if len(lines[number]) <= LONGEST else []
    return cells if len(cells) > 1 else []


def _is_candle(row: Sequence[str], form: _Form) -> bool:
    """Whether a row has the form's columns, a time first, and its prices in their order."""
    if len(row) != len(form.roles) or not is_time(row[0]) or (CLOCK in form.roles) != is_clock(row[1]):
        return False
    opening, high, low, close = (_price(row[form.roles.index(role)]) for role in (OPEN, HIGH, LOW, CLOSE))
    return 0 < low <= min(opening, close) <= max(opening, close) <= high


def _price(cell: str) -> float:
    """A number as people write it; 0 where a cell is none."""
    try:
        return float(cell.strip(' $"').replace(",", "."))
    except ValueError:
        return 0.0


def _numbers(width: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, width + 1))
