"""Tables without a header that can be understood: known forms, and columns that a person numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, OPEN, PRICES, TRADES, VOLUME_BASE, VOLUME_QUOTE
from pipeline.candles.text.layout import OTHER, Layout, read_layout
from pipeline.candles.text.lines import Lines
from pipeline.candles.text.names import CLOCK, VOLUME
from pipeline.candles.text.roles import TIMES, mapped_columns
from pipeline.candles.text.table import DELIMITERS, FIRST_LINES, LONGEST, Header, split_cells
from pipeline.candles.text.time_cells import is_clock, is_time
from pipeline.errors import CandleFileError

_ROWS: Final = 20
# So many of the rows looked at must be candles; one may be damaged.
_SHARE: Final = 0.9
_SHOWN: Final = 60
_GROUPING: Final = str.maketrans("", "", " \xa0\u202f'’")
# The farther left, the surer; `Opening price` is none.
_CLOSING: Final = ("clos", "last", "settle", "trade", "price", "value")
_OTHERS: Final = re.compile("open|high|low|vol|cap|chang", re.IGNORECASE)
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
    # What the exchanges' own interfaces give, saved as it came.
    _Form("Kraken candles", (DATE, *PRICES, "", VOLUME_BASE, TRADES)),
    _Form("Bybit candles", (DATE, *PRICES, VOLUME_BASE, VOLUME_QUOTE)),
    _Form("OKX candles", (DATE, *PRICES, VOLUME_BASE, "", VOLUME_QUOTE, "")),
    _Form("Coinbase candles", (DATE, LOW, HIGH, OPEN, CLOSE, VOLUME_BASE)),
    _Form("Bitfinex candles", (DATE, OPEN, CLOSE, HIGH, LOW, VOLUME_BASE)),
    _Form("KuCoin candles", (DATE, OPEN, CLOSE, HIGH, LOW, VOLUME_BASE, VOLUME_QUOTE)),
    _Form("HTX candles", (DATE, OPEN, CLOSE, LOW, HIGH, VOLUME_BASE, VOLUME_QUOTE, TRADES)),
    _Form("Gate candles", (DATE, VOLUME_QUOTE, CLOSE, HIGH, LOW, OPEN, VOLUME_BASE, "")),
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

    Raises:
        CandleFileError: No row has.
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
        raise CandleFileError(no_header(lines, mapping))
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
        wanted = ", ".join(f"{role} {name}" for role, name in mapping.items())[:120]
        numbered = all(name.isdecimal() for name in mapping.values())
        what = "digits in the columns (counted from 1)" if numbered else "all the columns"
        return f"No line has {what} that --map names: {wanted}; {begins}. {advice}"
    return f"No header was found: expected a line that names a date (or unix time) and a close; {begins}. {advice}"


def _advice(lines: Lines) -> str:
    """A mapping by number that reads this file, where a line of it holds a time and a number."""
    for number in range(min(FIRST_LINES, len(lines))):
        for delimiter in DELIMITERS:
            cells = _cells(lines, number, delimiter)
            times = [place for place, cell in enumerate(cells) if is_time(cell)]
            prices = [place for place, cell in enumerate(cells) if _price(cell) and place not in times]
            if times and prices:
                close = _likely_close(lines, number, delimiter, prices)
                if close is None:
                    return "None of its named columns holds a close."
                return (
                    "Number the columns that hold the date and the close, as in "
                    f"coincast inspect FILE --map date={times[0] + 1},close={close + 1} --out candles.csv"
                )
        words = lines[number].split()
        if any(map(is_time, words)) and any(_price(word) and not is_time(word) for word in words):
            return "Spaces alone part its cells: part them by commas, semicolons, tabs or bars."
    return "Give a table of candles, a row a day or hour, with a date and a close in each."


def _likely_close(lines: Lines, number: int, delimiter: str, prices: Sequence[int]) -> int | None:
    """The column whose name says so, else of four prices the last that is neither the highest nor the lowest.

    None where every column bears the name of something else.
    """
    names = _cells(lines, number - 1, delimiter) if number else []
    known = {place: names[place].lower() for place in prices if place < len(names)}
    prices = [place for place in prices if not _OTHERS.search(known.get(place, ""))]
    named = [place for word in _CLOSING for place, name in known.items() if place in prices and word in name]
    if named or len(prices) < len(PRICES):
        return next(iter(named or prices), None)
    below = [_cells(lines, place, delimiter) for place in range(number, min(number + _ROWS, len(lines)))]
    sums = {place: sum(_price(row[place]) for row in below if place < len(row)) for place in prices[:4]}
    return max(sorted(sums, key=lambda place: (sums[place], place))[1:-1])


def _cells(lines: Lines, number: int, delimiter: str) -> list[str]:
    """Cells of a line that is parted by the delimiter; none where it is not."""
    cells = split_cells(lines[number], delimiter) if len(lines[number]) <= LONGEST else []
    return cells if len(cells) > 1 else []


def _is_candle(row: Sequence[str], form: _Form) -> bool:
    """Whether a row has the form's columns, a time first, numbers of coins and trades, prices in their order."""
    if len(row) != len(form.roles) or not is_time(row[0]) or (CLOCK in form.roles) != is_clock(row[1]):
        return False
    cells = dict(zip(form.roles, row, strict=True))
    amounts = [cells[role].strip() for role in (VOLUME, VOLUME_BASE, VOLUME_QUOTE) if role in cells]
    if any(amount.strip("0.,") and not _price(amount) for amount in amounts):
        return False
    if not cells.get(TRADES, "0").strip().isdecimal():
        return False
    opening, high, low, close = (_price(cells[role]) for role in (OPEN, HIGH, LOW, CLOSE))
    return 0 < low <= min(opening, close) <= max(opening, close) <= high


def _price(cell: str) -> float:
    """A number as people write it; 0 where a cell is none."""
    bare = cell.strip(' $€£"').translate(_GROUPING)
    whole, sign, rest = bare.rpartition("," if bare.rfind(",") > bare.rfind(".") else ".")
    try:
        return float(f"{whole.replace(',', '').replace('.', '')}{sign and '.'}{rest}")
    except ValueError:
        return 0.0


def _numbers(width: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, width + 1))
