"""Readings: a file's bytes are parsed once, however many stages of a run ask for its candles."""

import hashlib
import threading
from datetime import datetime
from typing import Final

from pipeline.candles import read_candles
from pipeline.candles.account import Reading
from pipeline.series import Series

# A series' newest file and the one before it, while some series are looked at side by side.
_KEPT: Final = 8


class Readings:
    """The last few files that were read, by bytes, series and the instant of their first sight."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Series, datetime], Reading] = {}
        self._lock = threading.Lock()

    def of(self, content: bytes, *, series: Series, fetched_at: datetime) -> Reading:
        """Candles and account of a file; changing the table changes nobody else's.

        Raises:
            CandleFileError: The bytes are no candle file of the series.
        """
        key = hashlib.sha256(content).hexdigest(), series, fetched_at
        with self._lock:
            reading = self._kept.pop(key, None)
        if reading is None:
            reading = read_candles(content, series=series, fetched_at=fetched_at)
        with self._lock:
            self._kept[key] = reading
            for oldest in list(self._kept)[:-_KEPT]:
                del self._kept[oldest]
        return Reading(reading.candles.copy(deep=False), reading.account)
