"""Made-up files of Binance's archive, in its exact layout."""

import hashlib
import io
import zipfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from pipeline.series import Series

_MICROSECONDS_FROM = date(2025, 1, 1)


def kline(day: date, close: float, *, open_: float | None = None) -> str:
    """A row as Binance writes it: milliseconds until 2024, microseconds from 2025 on."""
    opens = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    closes = opens + 86_400_000 - 1
    if day >= _MICROSECONDS_FROM:
        opens, closes = opens * 1000, (closes + 1) * 1000 - 1
    first = close if open_ is None else open_
    high, low = max(first, close) * 1.01, min(first, close) * 0.99
    return (
        f"{opens},{first:.8f},{high:.8f},{low:.8f},{close:.8f},100.00000000,{closes},"
        f"{100 * close:.8f},1234,50.0,{50 * close:.8f},0"
    )


def zipped(stem: str, rows: list[str], *, member: str = "") -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        # By a name alone it would get the present second, and the same rows other bytes.
        name = zipfile.ZipInfo(member or f"{stem}.csv")
        archive.writestr(name, "\n".join(rows) + "\n", zipfile.ZIP_DEFLATED)
    return into.getvalue()


def with_checksum(path: str, content: bytes) -> dict[str, bytes]:
    name = path.rpartition("/")[2]
    told = f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()
    return {path: content, f"{path}.CHECKSUM": told}


def archive_files(candles: pd.DataFrame, series: Series, *, today: date) -> dict[str, bytes]:
    """What the archive has on the morning of a day: months that are over, and every day but today."""
    closes = {stamp.date(): close for stamp, close in zip(candles["date"], candles["close"], strict=True)}
    months: dict[str, list[str]] = defaultdict(list)
    files: dict[str, bytes] = {}
    for day, close in closes.items():
        if day >= today:
            continue
        stem = f"{series.symbol}-1d-{day}"
        files |= with_checksum(
            f"data/spot/daily/klines/{series.symbol}/1d/{stem}.zip", zipped(stem, [kline(day, close)])
        )
        if (day.replace(day=28) + timedelta(days=4)).replace(day=1) <= today:
            months[f"{day:%Y-%m}"].append(kline(day, close))
    for month, rows in months.items():
        stem = f"{series.symbol}-1d-{month}"
        files |= with_checksum(f"data/spot/monthly/klines/{series.symbol}/1d/{stem}.zip", zipped(stem, rows))
    return files
