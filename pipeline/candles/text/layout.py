"""Which column is what: header lines recognised by content, whatever their order, case or vintage."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.candles.columns import CLOSE, DATE, VOLUME_BASE, VOLUME_QUOTE
from pipeline.candles.text.currencies import is_currency, sides
from pipeline.candles.text.names import CLOCK, SYMBOL, UNIX, plain_name
from pipeline.candles.text.roles import TIMES, column_roles, mapped_columns, role_of
from pipeline.candles.text.side_by_side import is_side_by_side, of_one_table
from pipeline.candles.text.time_cells import is_time

CRYPTO_DATA_DOWNLOAD: Final = "CryptoDataDownload"
YAHOO: Final = "Yahoo"
OWN: Final = "coincast"
OTHER: Final = "CSV"

# Names of columns that say when a bar ended; they date it where no other column does.
_ENDS: Final = frozenset(
    {
        *("closetime", "timeclose", "closedate", "closetimestamp"),
        *("end", "endtime", "timeend", "enddate", "timeperiodend"),
    }
)
_UNNAMED: Final = re.compile(r"(unnamed\d*|index|level0)?")
_CURRENCY_VOLUME: Final = re.compile(r"volume[ _]+\(?([a-z0-9]{2,12})\)?")


@dataclass(frozen=True)
class Layout:
    """The meaning of a table's columns.

    Attributes:
        columns: Role → index of the column.
        names: The header's cells as written.
        pair: Base and quote as the volume labels tell them; empty where they do not.
        ticker: Symbol that a header names (yfinance); empty where none does.
        banner: Whether the vendor's banner stands above.
        form: What is known to write such rows without a header; empty where there is one.
        ends: Whether times are the ends of bars.
    """

    columns: Mapping[str, int]
    names: tuple[str, ...]
    pair: tuple[str, str] = ("", "")
    ticker: str = ""
    banner: bool = False
    form: str = ""
    ends: bool = False

    @property
    def format(self) -> str:
        """What wrote such a header, or such rows without one."""
        if self.form:
            return self.form
        plain = {plain_name(name) for name in self.names}
        if self.ticker or "adjclose" in plain or {"dividends", "stocksplits"} <= plain:
            return YAHOO
        if {"volumebase", "volumequote"} <= plain and SYMBOL not in self.columns:
            return OWN
        if self.pair != ("", "") or {"volumefrom", "volumeto"} <= plain or self.banner:
            return CRYPTO_DATA_DOWNLOAD
        return OTHER


def read_layout(
    cells: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    *,
    row: Sequence[str] = (),
    symbol: str = "",
) -> Layout | None:
    """The layout that header cells tell; None unless they name a close and a date (or a unix time).

    Args:
        cells: Cells of a line that may be a header.
        mapping: Role → name, or number from 1, of the column that plays it; wins over what names suggest.
        row: Cells of a row beside the header: what is in an unnamed column, and which symbol.
        symbol: Symbol that the file should hold; may be empty.

    Raises:
        CandleFileError: Two tables stand side by side, and `mapping` does not say whose columns are meant.
    """
    mapped = mapped_columns(cells, mapping or {})
    if mapped is None:
        return None
    pair, volumes = _currency_volumes(cells, _symbol(cells, row) or symbol)
    columns = _with_time({**dict(reversed(column_roles(cells))), **volumes}, cells, row)
    columns = {role: index for role, index in columns.items() if index not in mapped.values()} | mapped
    if mapped and DATE in mapped and UNIX not in mapped:
        columns.pop(UNIX, None)
    layout = Layout(_settle_clock(columns), tuple(cells), pair)
    if CLOSE not in columns or not set(TIMES) & layout.columns.keys():
        return None
    if is_side_by_side(cells, row):
        layout = replace(layout, columns=of_one_table(cells, mapped), pair=("", ""))
    ends = {plain_name(cells[layout.columns[role]]) for role in TIMES if role in layout.columns}
    return replace(layout, ends=ends <= _ENDS)


def choose_columns(layout: Layout, columns: Mapping[str, int], ticker: str) -> Layout:
    """The same header with other columns, of one ticker."""
    return replace(layout, columns=dict(columns), ticker=ticker)


def _with_time(columns: dict[str, int], cells: Sequence[str], row: Sequence[str]) -> dict[str, int]:
    """The same columns, and where none is a time, the one of the bars' ends or an unnamed one that holds times."""
    if {UNIX, DATE, CLOCK} & columns.keys():
        return columns
    ends = [index for index, cell in enumerate(cells) if plain_name(cell) in _ENDS]
    unnamed = [
        index for index, cell in enumerate(cells[: len(row)]) if _is_unnamed(cell) and is_time(row[index])
    ]
    return columns | dict.fromkeys([DATE] if ends or unnamed else [], [*ends, *unnamed, 0][0])


def _is_unnamed(cell: str) -> bool:
    return bool(_UNNAMED.fullmatch(plain_name(cell))) and not role_of(cell)


def _symbol(cells: Sequence[str], row: Sequence[str]) -> str:
    """The symbol that a row beside the header tells; empty where none does."""
    return next(
        (text for role, index in column_roles(cells) if role == SYMBOL for text in row[index : index + 1]), ""
    )


def _settle_clock(columns: dict[str, int]) -> dict[str, int]:
    """A column named `time` is the time of day beside a date, and the time itself without one."""
    if CLOCK not in columns or DATE in columns:
        return columns
    settled = {role: index for role, index in columns.items() if role != CLOCK}
    return settled if UNIX in columns else {**settled, DATE: columns[CLOCK]}


def _currency_volumes(cells: Sequence[str], symbol: str) -> tuple[tuple[str, str], dict[str, int]]:
    """Base and quote of the first two columns named `Volume <currency>`, and their places."""
    labels = {
        index: match[1]
        for index, cell in enumerate(cells)
        if (match := _CURRENCY_VOLUME.fullmatch(cell.strip().lower()))
    }
    words = [*labels.values()]
    found = [(word.upper(), index) for index, word in labels.items() if is_currency(word, symbol, words)][:2]
    named = sides([name for name, _ in found])
    places = {
        VOLUME_BASE if side == 0 else VOLUME_QUOTE: index
        for side, (_, index) in zip(named, found, strict=True)
    }
    pair = {side: name for side, (name, _) in zip(named, found, strict=True)}
    return (pair[0], pair[1]) if len(found) == 2 else ("", ""), places
