"""Two tables in one header: a role is never filled from both."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.candles.columns import CLOSE, DATE, PRICES
from pipeline.candles.text.names import CLOCK, UNIX
from pipeline.candles.text.roles import TIMES, bare_name, role_of
from pipeline.candles.text.time_cells import is_time
from pipeline.errors import CandleFileError

_REPEAT: Final = re.compile(r"\.\d+$")
_CLOCKS: Final = frozenset({UNIX, DATE, CLOCK})


def is_side_by_side(cells: Sequence[str], row: Sequence[str] = ()) -> bool:
    """Whether header cells are those of two tables.

    A price or a time is named twice, every price has two columns, a time stands between two closes and another one
    beside them, or two dates have amounts between them.

    Args:
        cells: The header's.
        row: Those of a row beside it: a column named `Day` may hold weekdays.

    Example:
        >>> is_side_by_side(["Date", "Close", "Time", "Price"]), is_side_by_side(["Date", "Close", "Adj Close"])
        (True, False)
    """
    names = [bare_name(_REPEAT.sub("", cell.strip())) for cell in cells]
    roles = [role_of(name) for name in names]
    once = [name for name, role in zip(names, roles, strict=True) if role in {*PRICES, *_CLOCKS}]
    closes = _places(roles, CLOSE)
    dates = [place for place in _places(roles, DATE) if place < len(row) and is_time(row[place])]
    return (
        len(set(once)) < len(once)
        or all(roles.count(price) > 1 for price in PRICES)
        or (len(closes) > 1 and _is_timed_twice(roles, closes))
        or (len(dates) > 1 and bool({*roles[dates[0] : dates[-1]]} - {"", *_CLOCKS}))
    )


def of_one_table(cells: Sequence[str], mapped: Mapping[str, int]) -> Mapping[str, int]:
    """The columns that a mapping names: of two tables side by side nothing else is certain to be of the same.

    Raises:
        CandleFileError: It names no time or no close.
    """
    if CLOSE in mapped and set(TIMES) & mapped.keys():
        return mapped
    first = next((table for table in _tables(cells) if CLOSE in table and _CLOCKS & table.keys()), {})
    if CLOCK in first and not set(TIMES) & first.keys():
        first[DATE] = first[CLOCK]
    time = UNIX if UNIX in first else DATE
    advice = ",".join(f"{role}={first[role] + 1}" for role in (time, *PRICES) if role in first)
    raise CandleFileError(
        "The header names times or prices twice: two tables stand side by side, and none may be mixed with the other. "
        f"Number the columns of one: coincast inspect FILE --map {advice or 'date=1,close=2'} --out candles.csv"
    )


def _places(roles: Sequence[str], role: str) -> list[int]:
    return [place for place, one in enumerate(roles) if one == role]


def _is_timed_twice(roles: Sequence[str], closes: Sequence[int]) -> bool:
    between = {*roles[closes[0] : closes[-1]]} & _CLOCKS
    beside = {*roles[: closes[0]], *roles[closes[-1] :]} & _CLOCKS
    return bool(between and beside)


def _tables(cells: Sequence[str]) -> list[dict[str, int]]:
    """Role → place for each table: another begins where a role, or a time apart from the last, comes again."""
    tables: list[dict[str, int]] = [{}]
    before = ""
    for place, cell in enumerate(cells):
        role = role_of(_REPEAT.sub("", cell.strip()))
        timed = role in _CLOCKS and bool(_CLOCKS & tables[-1].keys())
        if (timed and before not in _CLOCKS) or (role in tables[-1] and role not in _CLOCKS):
            tables.append({})
        if role:
            tables[-1].setdefault(role, place)
        before = role
    return tables
