"""Which market a row is of, and which one is read."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.candles.row_filter import counted
from pipeline.errors import CandleFileError
from pipeline.series import Series

# Symbols on a row each, and on few of a file's rows together, are damage to those rows, not other markets.
_STRAY_SHARE: Final = 0.01
_FEWEST_ROWS: Final = 5


def plain_symbol(text: str) -> str:
    """A symbol without signs, in capitals: `BTC/USD` and `btc-usd` are `BTCUSD`."""
    return "".join(letter for letter in text if letter.isalnum()).upper()


def choose_symbol(
    cells: pa.LargeStringArray, *, series: Series | None, told: str
) -> tuple[str, NDArray[np.bool_], tuple[str, ...]]:
    """The symbol that is read, the rows that are of others, and what to warn of.

    Args:
        cells: Symbols as written, array of shape (n_rows,); empty where a row tells none.
        series: What is wanted; None for what the file has.
        told: Symbol that the header tells where rows do not; may be empty.

    Raises:
        CandleFileError: The file holds several markets and none is named, or not the one that is.
    """
    encoded = pc.dictionary_encode(cells)
    names = [plain_symbol(text) for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    counts: Counter[str] = Counter()
    for name, rows in zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True):
        counts[name] += rows
    del counts[""]
    chosen, warnings = _choose(counts, series=series, told=told)
    accepted = np.array([name in {"", chosen} for name in names], dtype=bool)
    return chosen, ~accepted[codes] if len(names) else np.zeros(len(cells), dtype=bool), warnings


def _choose(counts: Counter[str], *, series: Series | None, told: str) -> tuple[str, tuple[str, ...]]:
    found = counts or Counter({plain_symbol(told): 1} if told else {})
    if not found:
        return (series.symbol if series else ""), ()
    (main, rows), others = found.most_common(1)[0], sorted(found)
    if series is not None and series.symbol not in found:
        raise CandleFileError(f"The file holds {_names(others)}, not {series.symbol}. Name its own series.")
    if len(found) == 1:
        return main, ()
    if series is not None:
        return series.symbol, (f"The file holds {_names(others)}; only {series.symbol} is read.",)
    strays = sum(found.values()) - rows
    alone = strays == len(found) - 1 and rows >= _FEWEST_ROWS
    if alone and strays <= max(1.0, rows * _STRAY_SHARE):
        return main, (f"{counted(strays, 'row')} of another symbol left out; the file is of {main}.",)
    raise CandleFileError(
        f"The file holds several markets: {_names(others)}. "
        "Name the one to read with --series exchange/SYMBOL/timeframe."
    )


def _names(symbols: Sequence[str]) -> str:
    shown = ", ".join(symbol[:20] for symbol in symbols[:6])
    return shown if len(symbols) <= 6 else f"{shown} and {len(symbols) - 6} more"
