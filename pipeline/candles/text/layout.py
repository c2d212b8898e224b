"""Which column is what: header lines recognised by content, whatever their order, case or vintage."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, OPEN, TRADES, VOLUME_BASE, VOLUME_QUOTE
from pipeline.errors import CandleFileError

UNIX: Final = "unix"
CLOCK: Final = "clock"
SYMBOL: Final = "symbol"
VOLUME: Final = "volume"
ROLES: Final = (UNIX, DATE, CLOCK, SYMBOL, OPEN, HIGH, LOW, CLOSE, VOLUME, VOLUME_BASE, VOLUME_QUOTE, TRADES)

CRYPTO_DATA_DOWNLOAD: Final = "CryptoDataDownload"
YAHOO: Final = "Yahoo"
OWN: Final = "coincast"
OTHER: Final = "CSV"

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
    VOLUME_QUOTE: ("volumequote", "volumeto", "quotevolume", "quoteassetvolume"),
    TRADES: ("trades", "tradecount", "numberoftrades"),
}
_ROLE_OF: Final = {name: (role, rank) for role, names in _NAMES.items() for rank, name in enumerate(names)}
_CURRENCY_VOLUME: Final = re.compile(r"volume[ _]+\(?([a-z0-9]{2,12})\)?")
# The farther left, the more likely prices are in it.
_MONEY: Final = (
    *("USD", "EUR", "GBP", "JPY", "KRW", "TRY", "AUD", "CAD", "CHF", "BRL"),
    *("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "DAI", "PAX", "USDP"),
)
_QUOTES: Final = (*_MONEY, "BTC", "XBT", "ETH", "BNB")


@dataclass(frozen=True)
class Layout:
    """The meaning of a table's columns.

    Attributes:
        columns: Role → index of the column.
        names: The header's cells as written.
        pair: Base and quote as the volume labels tell them; empty where they do not.
        ticker: Symbol that a header names (yfinance); empty where none does.
        banner: Whether the vendor's banner stands above.
    """

    columns: Mapping[str, int]
    names: tuple[str, ...]
    pair: tuple[str, str] = ("", "")
    ticker: str = ""
    banner: bool = False

    @property
    def format(self) -> str:
        """What wrote such a header."""
        plain = {plain_name(name) for name in self.names}
        if self.ticker or "adjclose" in plain or {"dividends", "stocksplits"} <= plain:
            return YAHOO
        if {"volumebase", "volumequote"} <= plain and SYMBOL not in self.columns:
            return OWN
        if self.pair != ("", "") or {"volumefrom", "volumeto"} <= plain or self.banner:
            return CRYPTO_DATA_DOWNLOAD
        return OTHER


def plain_name(cell: str) -> str:
    """A header cell in small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", cell.lower())


def read_layout(cells: Sequence[str], mapping: Mapping[str, str] | None = None) -> Layout | None:
    """The layout that header cells tell; None unless they name a close and a date (or a unix time).

    Args:
        cells: Cells of a line that may be a header.
        mapping: Role → name of the column that plays it; wins over what names suggest.
    """
    columns = dict(reversed(column_roles(cells)))
    pair, sides = _currency_volumes(cells)
    columns |= sides
    mapped = _mapped(cells, mapping or {})
    if mapped is None:
        return None
    columns = {role: index for role, index in columns.items() if index not in mapped.values()} | mapped
    if mapped and DATE in mapped and UNIX not in mapped:
        columns.pop(UNIX, None)
    layout = Layout(_settle_clock(columns), tuple(cells), pair)
    return layout if CLOSE in columns and ({DATE, UNIX} & layout.columns.keys()) else None


def column_roles(cells: Sequence[str]) -> list[tuple[str, int]]:
    """Role and place of every cell whose name is known, the most telling names first."""
    ranked = [
        (_ROLE_OF[plain][1], index, _ROLE_OF[plain][0])
        for index, cell in enumerate(cells)
        if (plain := plain_name(cell)) in _ROLE_OF
    ]
    return [(role, index) for _, index, role in sorted(ranked)]


def choose_columns(layout: Layout, columns: Mapping[str, int], ticker: str) -> Layout:
    """The same header with other columns, of one ticker."""
    return replace(layout, columns=dict(columns), ticker=ticker)


def check_mapping(mapping: Mapping[str, str] | None) -> None:
    """Refuse a mapping whose keys are no roles.

    Raises:
        CandleFileError: A key is unknown.
    """
    unknown = sorted(set(mapping or {}) - set(ROLES))
    if unknown:
        raise CandleFileError(f"--map has no {unknown[0]!r}: it maps {', '.join(ROLES)} to column names.")


def _mapped(cells: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int] | None:
    """Role → index for a mapping whose every column is there; None if one is not."""
    index = {cell.strip().lower(): place for place, cell in reversed(list(enumerate(cells)))}
    if any(name.strip().lower() not in index for name in mapping.values()):
        return None
    return {role: index[name.strip().lower()] for role, name in mapping.items()}


def _settle_clock(columns: dict[str, int]) -> dict[str, int]:
    """A column named `time` is the time of day beside a date, and the time itself without one."""
    if CLOCK not in columns or DATE in columns:
        return columns
    settled = {role: index for role, index in columns.items() if role != CLOCK}
    return settled if UNIX in columns else {**settled, DATE: columns[CLOCK]}


def _currency_volumes(cells: Sequence[str]) -> tuple[tuple[str, str], dict[str, int]]:
    """Base and quote of the first two columns named `Volume <currency>`, and their places."""
    found = [
        (match[1].upper(), index)
        for index, cell in enumerate(cells)
        if (match := _CURRENCY_VOLUME.fullmatch(cell.strip().lower()))
        and match[1] not in {"from", "to", "base", "quote"}
    ][:2]
    if len(found) < 2:
        return ("", ""), {(VOLUME_QUOTE if name in _MONEY else VOLUME_BASE): index for name, index in found}
    ranks = [_QUOTES.index(name) if name in _QUOTES else len(_QUOTES) for name, _ in found]
    base, quote = (found[1], found[0]) if ranks[0] < ranks[1] else (found[0], found[1])
    return (base[0], quote[0]), {VOLUME_BASE: base[1], VOLUME_QUOTE: quote[1]}
