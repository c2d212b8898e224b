"""What a column can be, and the names that say so, whatever their case or vintage."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, OPEN, TRADES, VOLUME_BASE, VOLUME_QUOTE
from pipeline.errors import CandleFileError

UNIX: Final = "unix"
CLOCK: Final = "clock"
SYMBOL: Final = "symbol"
VOLUME: Final = "volume"
ROLES: Final = (UNIX, DATE, CLOCK, SYMBOL, OPEN, HIGH, LOW, CLOSE, VOLUME, VOLUME_BASE, VOLUME_QUOTE, TRADES)

TIMES: Final = (UNIX, DATE)

_NAMES: Final = {
    UNIX: ("unix", "unixtimestamp", "unixtime", "epoch", "opentime", "timeopen", "timestamp"),
    DATE: ("date", "datetime", "day", "dateutc", "datetimeutc", "utcdate"),
    CLOCK: ("time", "timeutc", "hour"),
    SYMBOL: ("symbol", "pair", "ticker"),
    OPEN: ("open", "openprice"),
    HIGH: ("high", "highprice"),
    LOW: ("low", "lowprice"),
    CLOSE: ("close", "closeprice", "closelast", "price", "last", "adjclose"),
    VOLUME: ("volume", "vol"),
    VOLUME_BASE: ("volumebase", "volumefrom", "basevolume"),
    VOLUME_QUOTE: ("volumequote", "volumeto", "quotevolume", "quoteassetvolume", "volumecurrency"),
    TRADES: ("trades", "tradecount", "numberoftrades", "count"),
}
_ROLE_OF: Final = {name: (role, rank) for role, names in _NAMES.items() for rank, name in enumerate(names)}


def plain_name(cell: str) -> str:
    """A header cell in small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", cell.lower())


def role_of(cell: str) -> str:
    """The role that a header cell names; empty where its name is not known."""
    return _ROLE_OF.get(plain_name(cell), ("", 0))[0]


def column_roles(cells: Sequence[str]) -> list[tuple[str, int]]:
    """Role and place of every cell whose name is known, the most telling names first."""
    ranked = [
        (_ROLE_OF[plain][1], index, _ROLE_OF[plain][0])
        for index, cell in enumerate(cells)
        if (plain := plain_name(cell)) in _ROLE_OF
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
