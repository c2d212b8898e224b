"""How long a candle file takes from bytes to candles, beside a bare pandas read of the same bytes.

    python benchmarks/intake.py [FILE ...]

Without files it measures a generated hourly file of 40,000 rows in the vendor's present form. Both are measured in one
run, in turns, and the best of each counts: on a shared machine the fastest turn is the least disturbed one.
The read that it is compared with knows where the header is (skiprows), converts numbers and leaves dates as text.
"""

import io
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.candles import read_candles

ROWS = 40_000
TURNS = 25
TARGET = 3.0


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


def measure(data: bytes) -> tuple[float, float, int]:
    """Best seconds of a bare pandas read and of ours, and how many candles came out."""
    header = next(number for number, line in enumerate(data.split(b"\n")) if b"close" in line.lower())
    bare, ours = [], []
    for _ in range(TURNS):
        bare.append(_seconds(lambda: pd.read_csv(io.BytesIO(data), skiprows=header, engine="c")))
        ours.append(_seconds(lambda: read_candles(data)))
    return min(bare), min(ours), len(read_candles(data).candles)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> int:
    """Print a line a file; 1 if the generated file takes more than the target."""
    files = [(Path(name).name, Path(name).read_bytes()) for name in sys.argv[1:]]
    worst = 0.0
    for name, data in files or [(f"generated, {ROWS} hourly rows", hourly_file())]:
        bare, ours, candles = measure(data)
        ratio = ours / bare
        worst = max(worst, ratio)
        print(
            f"{name}: {len(data) / 1e6:.1f} MB, {candles} candles; pandas {bare * 1e3:.1f} ms, "
            f"ours {ours * 1e3:.1f} ms, ratio {ratio:.2f} (target at most {TARGET:g})"
        )
    return int(worst > TARGET)


if __name__ == "__main__":
    sys.exit(main())
