"""Generated candle files: ramps whose right answer is visible, in the vendor's forms."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

BANNER = "https://www.CryptoDataDownload.com"
HEADER = "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"

Lines = Callable[..., list[str]]
File = Callable[..., bytes]


@pytest.fixture(scope="session")
def bars() -> pd.DataFrame:
    """90 daily bars from 2020-01-01: closes 101, 102, …; each opens at the close before it."""
    days = 90
    close = 101.0 + np.arange(days)
    return pd.DataFrame(
        {
            "date": pd.date_range("2020-01-01", periods=days, freq="D", unit="us"),
            "open": close - 1,
            "high": close + 1,
            "low": close - 2,
            "close": close,
            "volume_base": 10.0 + np.arange(days) % 3,
            "volume_quote": (10.0 + np.arange(days) % 3) * (close - 0.5),
            "trades": 50.0 + np.arange(days) % 7,
        }
    )


@pytest.fixture(scope="session")
def vendor_lines() -> Lines:
    """Rows of bars as the vendor writes them, oldest first."""

    def lines(
        bars: pd.DataFrame,
        *,
        symbol: str = "BTCUSDT",
        unix: str = "ms",
        date: str = "%Y-%m-%d",
        trades: bool = True,
    ) -> list[str]:
        written = []
        for bar in bars.itertuples():
            seconds = int(bar.date.timestamp())
            stamp = {"ms": f"{seconds}000", "s": str(seconds), "float": f"{seconds}.0", "": ""}[unix]
            cells = [
                *([stamp] if unix else []),
                bar.date.strftime(date),
                symbol,
                *(f"{value:.10g}" for value in (bar.open, bar.high, bar.low, bar.close)),
                f"{bar.volume_base:.10g}",
                f"{bar.volume_quote:.10g}",
                *([f"{bar.trades:.0f}"] if trades else []),
            ]
            written.append(",".join(cells))
        return written

    return lines


@pytest.fixture(scope="session")
def vendor_file(bars: pd.DataFrame, vendor_lines: Lines) -> File:
    """A whole file: banner, header, rows newest first."""

    def file(
        rows: Sequence[str] | None = None, *, banner: str = BANNER, header: str = HEADER, end: str = "\n"
    ) -> bytes:
        rows = vendor_lines(bars) if rows is None else rows
        head = [banner, header] if banner else [header]
        return (end.join([*head, *reversed(rows)]) + end).encode()

    return file
