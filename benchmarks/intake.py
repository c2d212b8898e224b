"""How long a candle file takes from bytes to candles, beside a bare pandas read of the same bytes.

    python benchmarks/intake.py [FILE ...]

Without files: a generated hourly file of 40,000 rows in the vendor's present form, and the windows of ten million rows.
The read that a file is compared with knows where the header is (skiprows), converts numbers and leaves dates as text.
"""

import io
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from pairs import Measure, arguments, in_turn, keep

from pipeline.candles import read_candles
from pipeline.windows.sliding import sliding_windows

ROWS = 40_000
MARK = 2.0
WINDOW = 60


def hourly_file(rows: int = ROWS, *, seed: int = 1) -> bytes:
    """An hourly file in the vendor's wire format: banner, milliseconds, newest row first."""
    random = np.random.default_rng(seed)
    close = 8000 * np.exp(np.cumsum(random.normal(0, 0.006, rows)))
    opening = np.append(close[0], close[:-1])
    high = np.maximum(opening, close) * (1 + random.exponential(0.002, rows))
    low = np.minimum(opening, close) * (1 - random.exponential(0.002, rows))
    base = random.lognormal(7, 0.3, rows)
    first = datetime(2021, 1, 1, tzinfo=UTC)
    header = "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"
    lines = ["https://www.CryptoDataDownload.com", header]
    for row in reversed(range(rows)):
        moment = first + timedelta(hours=row)
        lines.append(
            f"{int(moment.timestamp())}000,{moment:%Y-%m-%d %H:%M:%S},BTCUSDT,{opening[row]:.2f},{high[row]:.2f},"
            f"{low[row]:.2f},{close[row]:.2f},{base[row]:.5f},{base[row] * close[row]:.8f},{int(base[row] * 40)}"
        )
    return ("\n".join(lines) + "\n").encode()


def reads(data: bytes) -> tuple[Measure, Measure]:
    """Ours and the bare read."""
    header = next(number for number, line in enumerate(data.split(b"\n")) if b"close" in line.lower())
    return (
        lambda: _seconds(lambda: read_candles(data)),
        lambda: _seconds(lambda: pd.read_csv(io.BytesIO(data), skiprows=header, engine="c")),
    )


def windows() -> bool:
    """Windows of ten million rows as a view, beside a loop that copies each (of a hundredth, times a hundred)."""
    column = np.arange(10_000_000, dtype=np.float64)[:, np.newaxis]
    part = column[: len(column) // 100]
    if not np.shares_memory(sliding_windows(column, WINDOW), column):
        raise SystemExit("The windows are a copy.")
    found = in_turn(
        lambda: _seconds(lambda: sliding_windows(column, WINDOW)),
        lambda: (
            100 * _seconds(lambda: np.array([part[at : at + WINDOW] for at in range(len(part) - WINDOW + 1)]))
        ),
    )
    return keep("windows of 10 million rows, beside a loop (scaled from 100,000)", found, mark=0.001)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> int:
    """Measure each file, or the generated one and the windows; 1 past a mark."""
    parser = arguments(__doc__, pairs=25)
    parser.add_argument("files", nargs="*", type=Path)
    asked = parser.parse_args()
    files = [(one.name, one.read_bytes()) for one in asked.files]
    met = True
    for name, data in files or [(f"an hourly file of {ROWS:,} rows", hourly_file())]:
        found = in_turn(*reads(data), pairs=asked.pairs)
        met &= keep(f"intake of {name}, beside pandas.read_csv", found, mark=MARK)
    return int(not (met and (files or windows())))


if __name__ == "__main__":
    sys.exit(main())
