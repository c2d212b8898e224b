"""What a column can be, and which columns of a header are what."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, OPEN, PRICES, TRADES, VOLUME_BASE, VOLUME_QUOTE
from pipeline.candles.text.currencies import is_currency
from pipeline.candles.text.names import CLOCK, ROLE_OF, SYMBOL, UNIX, VOLUME, plain_name
from pipeline.errors import CandleFileError

ROLES: Final = (UNIX, DATE, CLOCK, SYMBOL, OPEN, HIGH, LOW, CLOSE, VOLUME, VOLUME_BASE, VOLUME_QUOTE, TRADES)

TIMES: Final = (UNIX, DATE)
# `Close (USD)`, `close_usdt`, `Open, EUR`, `Date (GMT)`, `Price ($)`.
_WITH_UNIT: Final = re.compile(r"(.*\w)[ _,]*[ _,(]([A-Za-z]{3,5}|[$€£¥])\)?")
_UNITS: Final = frozenset({"$", "€", "£", "¥", "UTC", "GMT"})


def bare_name(cell: str) -> str:
    """The plain name of a header cell, without the currency or zone that stands behind a price or date.

    Example:
        >>> bare_name("Close (USDT)"), bare_name("price_usd"), bare_name("Volume USD")
        ('close', 'price', 'volumeusd')
    """
    plain = plain_name(cell)
    match = None if plain in ROLE_OF else _WITH_UNIT.fullmatch(cell.strip())
    if match and (match[2].upper() in _UNITS or is_currency(match[2], "", ())):
        bare = plain_name(match[1])
        return bare if ROLE_OF.get(bare, ("", 0))[0] in {DATE, *PRICES} else plain
    return plain


def role_of(cell: str) -> str:
    """The role that a header cell names; empty where its name is not known."""
    return ROLE_OF.get(bare_name(cell), ("", 0))[0]


def column_roles(cells: Sequence[str]) -> list[tuple[str, int]]:
    """Role and place of every cell whose name is known, the most telling names first."""
    ranked = [
        (ROLE_OF[name][1], index, ROLE_OF[name][0])
        for index, cell in enumerate(cells)
        if (name := bare_name(cell)) in ROLE_OF
    ]
    return [(role, index) for _, index, role in sorted(ranked)]


def check_mapping(mapping: Mapping[str, str] | None) -> None:
    """Refuse a mapping whose keys are no roles.

    Raises:
        CandleFileError: A key is unknown.
    """
    unknown = sorted(set(mapping or {}) - set(ROLES))
    if unknown:
        raise CandleFileError(f"--map has no {unknown[0]!r}: it maps {', '.join(ROLES)} to column names.")


def mapped_columns(cells: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int] | None:
    """Role → index for a mapping whose every column is there, by name or by number from 1; None if one is not."""
    index = {cell.strip().lower(): place for place, cell in reversed(list(enumerate(cells)))}
    index |= {str(number): number - 1 for number in range(1, len(cells) + 1)}
    if any(name.strip().lower() not in index for name in mapping.values()):
        return None
    return {role: index[name.strip().lower()] for role, name in mapping.items()}
