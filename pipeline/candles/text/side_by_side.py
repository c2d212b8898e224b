"""Two tables in one header: a role is never filled from both."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.candles.columns import CLOSE, DATE, PRICES
from pipeline.candles.text.roles import CLOCK, TIMES, UNIX, plain_name, role_of
from pipeline.errors import CandleFileError

_REPEAT: Final = re.compile(r"\.\d+$")
_CLOCKS: Final = frozenset({UNIX, DATE, CLOCK})


def is_side_by_side(cells: Sequence[str]) -> bool:
    """Whether header cells are those of two tables: a price named twice, or a time between two closes.

    Example:
        >>> is_side_by_side(["Date", "Close", "Time", "Price"]), is_side_by_side(["Date", "Close", "Adj Close"])
        (True, False)
    """
    names = [plain_name(_REPEAT.sub("", cell.strip())) for cell in cells]
    roles = [role_of(name) for name in names]
    prices = [name for name, role in zip(names, roles, strict=True) if role in PRICES]
    closes = [place for place, role in enumerate(roles) if role == CLOSE]
    between = {*roles[closes[0] : closes[-1]]} & _CLOCKS if closes else set()
    return len(set(prices)) < len(prices) or bool(between and {*roles[: closes[0]]} & _CLOCKS)


def of_one_table(cells: Sequence[str], mapped: Mapping[str, int]) -> Mapping[str, int]:
    """The columns that a mapping names: of two tables side by side nothing else is certain to be of the same.

    Raises:
        CandleFileError: It names no time or no close.
    """
    if CLOSE in mapped and set(TIMES) & mapped.keys():
        return mapped
    first = {role: index for index, cell in reversed([*enumerate(cells)]) if (role := role_of(cell))}
    time = UNIX if UNIX in first else DATE
    advice = ",".join(f"{role}={first[role] + 1}" for role in (time, *PRICES) if role in first)
    raise CandleFileError(
        "The header names prices twice: two tables stand side by side, and none may be mixed with the other. "
        f"Number the columns of one: coincast inspect FILE --map {advice} --out candles.csv"
    )
