"""Columns of dates: ISO and the vendor's hours at once, everything else by its distinct texts."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.candles.row_filter import Mask
from pipeline.candles.values.dates import DateText, is_day_first, read_date
from pipeline.candles.values.timestamps import DAY_US, HOUR_US, NEVER, Micros, Timestamps, Written

_ISO: Final = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2})?$"
_ISO_HOUR: Final = r"^\d{4}-\d{2}-\d{2} (0[1-9]|1[0-2])-[AP]M$"
_DAY_LENGTH: Final = len("2020-01-01")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 (dates are read as naive UTC)
_DATES_ASKED: Final = 400
_MICROSECOND: Final = timedelta(microseconds=1)
_PARTS: Final = np.dtype([("local", np.int64), ("offset", np.int64), ("written", np.int8)])


def read_iso(cells: pa.LargeStringArray) -> Timestamps | None:
    """ISO days and seconds; None if a cell is something else."""
    try:
        times = pc.cast(cells, pa.timestamp("us")).to_numpy().astype(np.int64)
    except pa.ArrowInvalid:
        return None
    days = pc.binary_length(cells).to_numpy() == _DAY_LENGTH
    written = np.where(days, Written.DAY, Written.INSTANT).astype(np.int8)
    return Timestamps(times, written, np.ones(len(times), dtype=bool))


def read_dates(cells: pa.LargeStringArray, known: Micros) -> Timestamps:
    """Times that are written as dates.

    Args:
        cells: Array of shape (n_rows,).
        known: Unix times of the same rows, NEVER where there are none: evidence of whether days or months come first.

    Raises:
        CandleFileError: Dates fit both day/month and month/day.
    """
    timestamps = Timestamps.none(len(cells))
    for pattern, cast in ((_ISO, read_iso), (_ISO_HOUR, _cast_hour)):
        mask: Mask = pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)
        part = cast(cells.filter(pa.array(mask))) if mask.any() else None
        timestamps = timestamps.where(mask, part) if part is not None else timestamps
    left = ~timestamps.told
    return (
        timestamps.where(left, _read_distinct(cells.filter(pa.array(left)), known[left]))
        if left.any()
        else timestamps
    )


def _cast_hour(cells: pa.LargeStringArray) -> Timestamps | None:
    """The vendor's `2019-10-29 10-PM`; None if a cell's day is no date."""
    days = read_iso(pc.utf8_slice_codeunits(cells, 0, _DAY_LENGTH))
    if days is None:
        return None
    hours = pc.cast(pc.utf8_slice_codeunits(cells, _DAY_LENGTH + 1, _DAY_LENGTH + 3), pa.int64()).to_numpy()
    afternoon = pc.ends_with(cells, "PM").to_numpy(zero_copy_only=False)
    times = days.times + (hours % 12 + np.where(afternoon, 12, 0)) * HOUR_US
    return Timestamps(times, np.full(len(times), Written.HOUR, dtype=np.int8), days.exact)


def _read_distinct(cells: pa.LargeStringArray, known: Micros) -> Timestamps:
    encoded = pc.dictionary_encode(cells)
    codes, texts = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
    # The oldest rows are asked, so that neither the order of the file nor newer rows change the answer.
    asked = np.argsort(known, kind="stable")[np.count_nonzero(known == NEVER) :][:_DATES_ASKED]
    beside = [(texts[codes[row]], datetime.fromtimestamp(known[row] / 1e6, UTC)) for row in asked]
    day_first = is_day_first(texts, beside)
    read = (read_date(text, day_first=day_first) for text in texts)
    dates = np.fromiter((_parts(date) for date in read), _PARTS, len(texts))
    # Bars from midnight to midnight of another zone are that zone's days, whatever day it is in UTC by then.
    abroad = dates["offset"] != 0
    local_days = bool(abroad.any() and (dates["local"][abroad] % DAY_US == 0).all())
    times = dates["local"] - (0 if local_days else dates["offset"])
    return Timestamps(times[codes], dates["written"][codes], np.ones(len(codes), dtype=bool), local_days)


def _parts(date: DateText | None) -> tuple[int, int, int]:
    """Local time and offset in microseconds, and how the date is written."""
    if date is None:
        return NEVER, 0, Written.NOTHING
    return (date.local - _EPOCH) // _MICROSECOND, date.offset // _MICROSECOND, date.written
