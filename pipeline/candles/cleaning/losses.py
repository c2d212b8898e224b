"""How much of a file was lost, with a cell of each kind of damage: a file that lost too much is refused."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles import account as fate
from pipeline.candles.columns import CLOSE, DATE, HIGH, LOW, PRICES, TRADES, VOLUMES
from pipeline.candles.row_filter import RowFilter, counted
from pipeline.candles.text.cells import Sheet
from pipeline.candles.text.names import UNIX, VOLUME
from pipeline.candles.values.rows import LINE, TIME
from pipeline.candles.values.timestamps import NEVER, spoken_instant
from pipeline.errors import CandleFileError

# Of the real files that were tried, those of which candles could be trusted lost no row in a hundred to damage, and
# those that lost more than every third were garbage throughout: their other rows are only garbage that looks right.
MOST_LOST: Final = 0.2
_FEW: Final = 2
_MANY: Final = 0.01
_DAMAGE: Final = (fate.UNPARSEABLE, fate.INFINITE_VALUE, fate.NEGATIVE_VALUE, fate.CONTRADICTORY_PRICES)
# Reasons that have no sentence of their own.
_UNTOLD: Final = (*_DAMAGE[1:], fate.NO_PRICE, fate.ZERO_PRICE, fate.JUNK, fate.DUPLICATE)
_CELL: Final = 30
_AS_DOWNLOADED: Final = (
    " Give the file as it was downloaded, before a spreadsheet wrote it, or write dates as YYYY-MM-DD and numbers as "
    "1234.5."
)
_WRONG: Final[Mapping[str, Callable[[float], bool]]] = {
    fate.UNPARSEABLE: lambda number: bool(np.isnan(number)),
    fate.NO_PRICE: lambda number: bool(np.isnan(number)),
    fate.INFINITE_VALUE: lambda number: bool(np.isinf(number)),
    fate.NEGATIVE_VALUE: lambda number: number < 0,
    fate.ZERO_PRICE: lambda number: number == 0,
}


def refuse_losses(row_filter: RowFilter, sheet: Sheet) -> None:
    """Refuse a file of which too large a share is unreadable or contradicts itself.

    Raises:
        CandleFileError: More than `MOST_LOST` of its rows are.
    """
    lost = {reason: row_filter.dropped[reason] for reason in _DAMAGE if row_filter.dropped[reason]}
    rows, damaged = _rows(row_filter, sheet), sum(lost.values())
    if damaged <= max(MOST_LOST * rows, _FEW):
        return
    kinds = ", ".join(
        f"{count} {reason}{example(row_filter, sheet, reason)}" for reason, count in lost.items()
    )
    raise CandleFileError(
        f"{damaged} of {rows} rows cannot be candles, and at most {MOST_LOST:.0%} may be lost: {kinds}. "
        "Give the file as it was downloaded."
    )


def refuse_nothing(row_filter: RowFilter, sheet: Sheet, what: str) -> None:
    """Refuse a file of which no row is left.

    Raises:
        CandleFileError: None is.
    """
    if not len(row_filter):
        fates = ", ".join(
            f"{count} {reason}{example(row_filter, sheet, reason)}"
            for reason, count in row_filter.dropped.items()
        )
        advice = _AS_DOWNLOADED if row_filter.dropped[fate.UNPARSEABLE] else ""
        raise CandleFileError(f"The file {what}: of {row_filter.dropped.total()} rows, {fates}.{advice}")


def describe_losses(row_filter: RowFilter, sheet: Sheet) -> tuple[str, ...]:
    """A sentence for each reason for which many rows were left out."""
    rows = max(_rows(row_filter, sheet), 1)
    return tuple(
        f"{counted(row_filter.dropped[reason], 'row')} of {rows} ({row_filter.dropped[reason] / rows:.0%}) left out: "
        f"{reason}."
        for reason in _UNTOLD
        if row_filter.dropped[reason] > _MANY * rows
    )


def describe_newest(row_filter: RowFilter, told: NDArray[np.int64]) -> str:
    """Whether the newest rows of the file gave no candle.

    Args:
        row_filter: Rows with prices.
        told: Times of all rows.
    """
    lost = told[told > row_filter.rows[TIME].max()]
    if not len(lost):
        return ""
    return (
        f"The newest {counted(len(lost), 'row')}, from {spoken_instant(int(lost.min()))} on: no usable price."
    )


def example(row_filter: RowFilter, sheet: Sheet, reason: str) -> str:
    """The oldest row that left for a reason, and the cell for which it did; empty where no cell is at fault."""
    row = row_filter.examples.get(reason)
    if row is None and reason == fate.UNPARSEABLE and sheet.ragged_line:
        return f" (line {sheet.ragged[0]}, {sheet.ragged_line[:_CELL]!a})"
    role = _wrong_cell(reason, row) if row else ""
    if row is None or not role:
        return ""
    place = np.flatnonzero(sheet.lines == row[LINE])[0]
    texts = {one: sheet.cells[one][place].as_py() for one in _columns_of(role)}
    named, text = next(((one, text) for one, text in texts.items() if text), (role, ""))
    where = f"line {row[LINE]}" if row[TIME] == NEVER else spoken_instant(int(row[TIME]))
    return f" ({where}, {named} {text[:_CELL]!a})"


def _wrong_cell(reason: str, row: Mapping[str, Any]) -> str:
    """The role of the cell at fault."""
    if reason == fate.CONTRADICTORY_PRICES:
        return HIGH if row[HIGH] < max(row[role] for role in PRICES) else LOW
    if reason == fate.UNPARSEABLE and row[TIME] == NEVER:
        return DATE
    is_wrong = _WRONG.get(reason)
    return next((role for role in (*PRICES, *VOLUMES, TRADES) if is_wrong and is_wrong(row[role])), "")


def _columns_of(role: str) -> tuple[str, ...]:
    """Columns that a value may be read from."""
    if role == DATE:
        return DATE, UNIX
    return (role, VOLUME) if role in VOLUMES else (role, CLOSE)


def _rows(row_filter: RowFilter, sheet: Sheet) -> int:
    """Rows of the market that is read."""
    return len(sheet.lines) + len(sheet.ragged) - row_filter.dropped[fate.OTHER_SYMBOL]
