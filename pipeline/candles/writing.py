"""Candle tables to files that `read_candles` reads back to the same values."""

import os
from pathlib import Path

import pandas as pd

from pipeline.candles.columns import CANDLE_COLUMNS, DATE
from pipeline.errors import InputError


def candles_csv(candles: pd.DataFrame) -> bytes:
    """A candle table as CSV: ISO dates (with the time if any is not midnight), numbers in full, unknown as empty."""
    table = candles[list(CANDLE_COLUMNS)]
    daily = bool((table[DATE] == table[DATE].dt.normalize()).all())
    table = table.assign(**{DATE: table[DATE].dt.strftime("%Y-%m-%d" if daily else "%Y-%m-%dT%H:%M:%S")})
    return table.to_csv(index=False, lineterminator="\n").encode()


def write_candles(candles: pd.DataFrame, path: Path) -> None:
    """Write a candle table as `.csv` or `.parquet`; the file appears whole or not at all.

    Raises:
        InputError: The name has another ending, or its folder cannot be written.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise InputError(f"Candles are written to .csv or .parquet; got {path.name[:80]!r}.")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".csv":
            partial.write_bytes(candles_csv(candles))
        else:
            candles[list(CANDLE_COLUMNS)].to_parquet(partial, index=False)
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Name a folder that exists and has room."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
