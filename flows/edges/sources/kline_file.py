"""One ZIP file of Binance's archive: its name, its checksum, and the rows in it."""

import hashlib
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Final
from zipfile import BadZipFile, ZipFile

from pipeline.errors import SourceError
from pipeline.series import Series

_COLUMNS: Final = (
    *("open_time", "open", "high", "low", "close", "base_volume", "close_time", "quote_volume", "trades"),
    *("taker_base", "taker_quote", "ignore"),
)
HEADER: Final = ",".join(_COLUMNS).encode()

# 744 hours of a month are some 140 kB.
_MOST_BYTES: Final = 2**20
# Later than this is no millisecond (year 5138), so it is a microsecond (1973 on).
_LAST_MS: Final = 10**14
_CHECKSUM: Final = re.compile(rb"([0-9a-fA-F]{64})[ \t]+\*?(\S+)\s*")
# What zipfile raises of damaged, encrypted or unknown packing; the bytes are in memory, so no disk is at fault.
_BROKEN: Final = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


@dataclass(frozen=True)
class KlineFile:
    """A file's place in the archive and what must be in it.

    Attributes:
        series: Whose klines.
        folder: `monthly` or `daily`.
        period: As its name tells it: `2024-01` or `2024-01-31`.
        begin: First instant, UTC.
        end: Instant after the last.
    """

    series: Series
    folder: str
    period: str
    begin: datetime
    end: datetime

    @classmethod
    def of_month(cls, series: Series, month: date) -> "KlineFile":
        """The file of a month, named by its first day."""
        after = (month + timedelta(days=32)).replace(day=1)
        return cls(series, "monthly", f"{month:%Y-%m}", _midnight(month), _midnight(after))

    @classmethod
    def of_day(cls, series: Series, day: date) -> "KlineFile":
        """The file of a day."""
        return cls(series, "daily", day.isoformat(), _midnight(day), _midnight(day) + timedelta(days=1))

    @property
    def stem(self) -> str:
        """As `BTCUSDT-1d-2024-01`."""
        return f"{self.series.symbol}-{self.series.timeframe}-{self.period}"

    @property
    def name(self) -> str:
        """As `BTCUSDT-1d-2024-01.zip`."""
        return f"{self.stem}.zip"

    @property
    def path(self) -> str:
        """Below the folder of spot markets."""
        return f"{self.folder}/klines/{self.series.symbol}/{self.series.timeframe}/{self.name}"


def checksum_of(content: bytes, file: KlineFile) -> str:
    """SHA-256 in hex of what a CHECKSUM file says.

    Raises:
        SourceError: It is none, or of another file.
    """
    match = _CHECKSUM.fullmatch(content)
    if match is None:
        raise SourceError(
            f"{file.name}.CHECKSUM: a SHA-256 and a file name are expected; received {content[:60]!r}. Run again later."
        )
    if match[2].decode(errors="replace") != file.name:
        raise SourceError(
            f"{file.name}.CHECKSUM is of another file: received {match[2][:60]!r}. Run again later."
        )
    return match[1].decode().lower()


def rows_of(content: bytes, file: KlineFile, checksum: str) -> dict[int, bytes]:
    """The rows of a ZIP file by the Unix milliseconds at which they open, both times in milliseconds.

    Microseconds, from 2025 on, are cut to milliseconds, in which every candle opens; a candle then closes at
    …999 ms as it does in the files before.

    Args:
        content: The ZIP file.
        file: What it must be.
        checksum: SHA-256 that it must have.

    Raises:
        SourceError: It is not what it must be.
    """
    received = hashlib.sha256(content).hexdigest()
    if received != checksum:
        raise SourceError(
            f"{file.name} is damaged: SHA-256 {checksum[:12]}… is expected by its CHECKSUM; received {received[:12]}…, "
            f"{len(content)} bytes. Run again later."
        )
    lines = _member(content, file).splitlines()
    if lines and not lines[0][:1].isdigit():
        lines = lines[1:]
    rows = dict(_row(line, file) for line in lines)
    if not rows or len(rows) != len(lines):
        raise SourceError(f"{file.name}: klines, each once, are expected; received {len(lines)} rows.")
    return rows


def _member(content: bytes, file: KlineFile) -> bytes:
    """The one CSV file in a ZIP file, unpacked up to a limit whatever size it claims."""
    expected = f"{file.stem}.csv"
    try:
        with ZipFile(BytesIO(content)) as archive:
            names = archive.namelist()
            if names != [expected]:
                raise SourceError(
                    f"{file.name}: {expected} alone is expected in it; received {names[:3]!r:.120}."
                )
            with archive.open(expected) as member:
                data = member.read(_MOST_BYTES + 1)
    except _BROKEN as error:
        raise SourceError(
            f"{file.name}: a ZIP file is expected; received a broken one ({error!s:.80})."
        ) from error
    if len(data) > _MOST_BYTES:
        raise SourceError(
            f"{file.name}: at most {_MOST_BYTES // 2**20} MiB is expected in it; received more."
        )
    return data


def _row(line: bytes, file: KlineFile) -> tuple[int, bytes]:
    cells = line.strip().split(b",")
    times = (cells[0], cells[6]) if len(cells) == len(_COLUMNS) else ()
    if not times or not line.isascii() or not all(cell.isdigit() and len(cell) <= 19 for cell in times):
        raise SourceError(
            f"{file.name}: {len(_COLUMNS)} columns with times in digits are expected; received {line[:80]!r}."
        )
    opens, closes = (_milliseconds(int(cell)) for cell in times)
    begin, end = (int(instant.timestamp()) * 1000 for instant in (file.begin, file.end))
    if not begin <= opens < end or opens % int(file.series.step.total_seconds() * 1000):
        raise SourceError(f"{file.name}: a kline of {file.period} is expected; received {line[:80]!r}.")
    return opens, b",".join([b"%d" % opens, *cells[1:6], b"%d" % closes, *cells[7:]])


def _milliseconds(time: int) -> int:
    return time if time < _LAST_MS else time // 1000


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
