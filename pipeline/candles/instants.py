"""When each row's bar opens: unix time and date weighed against each other, row by row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.candles.dates import Written, is_day_first, read_date

NEVER: Final = np.datetime64("NaT", "us")
_EARLIEST, _LATEST = np.datetime64("1980-01-01", "us"), np.datetime64("2200-01-01", "us")
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
STEP_US: Final = {"1d": DAY_US, "1h": HOUR_US}
_HOUR: Final = np.timedelta64(1, "h")
_NUMBER: Final = r"^\s*\d+(\.\d*)?([eE]\+?\d+)?\s*$"
_COMPACT_DAY: Final = r"^\s*(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])\s*$"
_ISO: Final = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2})?$"
_ISO_HOUR: Final = r"^\d{4}-\d{2}-\d{2} (0\d|1[0-2])-[AP]M$"
# (smallest, largest, microseconds a unit): spreadsheet days, seconds, milli-, micro- and nanoseconds.
_UNITS: Final = (
    (2e4, 1e5, 8.64e10),
    (1e8, 1e11, 1e6),
    (1e11, 1e14, 1e3),
    (1e14, 1e17, 1.0),
    (1e17, 1e20, 1e-3),
)
_SPREADSHEET_EPOCH_US: Final = 25_569 * 86_400_000_000
_DATES_ASKED: Final = 400


@dataclass(frozen=True, eq=False)
class Instants:
    """What one column tells of time; all arrays of shape (n_rows,).

    Attributes:
        times: Naive UTC, `datetime64[us]`, NaT where the cell is no time.
        written: A `Written` each; after joining, that of the unix time × 8 plus that of the date.
        exact: False where digits were lost (`1.61093E+12`).
        shifted: Whether any date is local to another zone than UTC.
    """

    times: NDArray[np.datetime64]
    written: NDArray[np.int8]
    exact: NDArray[np.bool_]
    shifted: bool = False


def read_instants(unix: pa.StringArray, date: pa.StringArray) -> tuple[Instants, tuple[str, ...]]:
    """Opening instants by unix time where it is exact, else by date; and what to warn of.

    The two disagree in real files: by hours where the vendor's dates went wrong (the unix time is right), or
    because a spreadsheet rounded the unix time (the date is right, and the unix time is no full hour).

    Args:
        unix: Unix times as written, empty text where there are none.
        date: Dates as written, empty text where there are none.

    Raises:
        CandleFileError: Dates fit both day/month and month/day.
    """
    by_unix = _read(unix, None)
    by_date = _read(date, by_unix)
    by_day = by_date.written == Written.DAY
    unix_times = np.where(
        by_day, by_unix.times.astype("datetime64[D]").astype("datetime64[us]"), by_unix.times
    )
    differs = np.abs(unix_times - by_date.times) >= _HOUR
    told_twice = ~np.isnat(by_unix.times) & ~np.isnat(by_date.times)
    rounded = ~by_unix.exact | (
        told_twice & differs & (by_unix.times.astype("datetime64[h]") != by_unix.times)
    )
    trusted = ~np.isnat(by_unix.times) & ~(rounded & ~np.isnat(by_date.times)) & by_unix.exact
    joined = Instants(
        times=np.where(trusted, by_unix.times, by_date.times),
        written=by_unix.written * 8 + by_date.written,
        exact=trusted | ~np.isnat(by_date.times),
        shifted=by_date.shifted,
    )
    return joined, _warnings(joined, rounded & told_twice, told_twice & differs & ~rounded)


def spoken_instant(micros: int) -> str:
    """A day, or a day and hour where it is not midnight, in ISO."""
    instant = np.datetime64(micros, "us")
    return str(instant.astype("datetime64[D]") if micros % DAY_US == 0 else instant.astype("datetime64[m]"))


def _warnings(
    joined: Instants, rounded: NDArray[np.bool_], disagreeing: NDArray[np.bool_]
) -> tuple[str, ...]:
    warnings = []
    if rounded.any():
        warnings.append(
            f"{int(rounded.sum())} unix times lost digits in a spreadsheet; their dates are trusted."
        )
    if disagreeing.any():
        days = np.sort(joined.times[disagreeing]).astype("datetime64[D]")
        warnings.append(
            f"Unix time and date disagree on {len(days)} rows between {days[0]} and {days[-1]}; unix time is trusted."
        )
    if joined.shifted:
        warnings.append("Dates carry a zone other than UTC; each bar is dated by the day written.")
    return tuple(warnings)


def _read(cells: pa.StringArray, unix: Instants | None) -> Instants:
    """One column: numbers by their size, ISO dates at once, everything else by its distinct texts."""
    numeric = _matches(cells, _NUMBER)
    if unix is not None:
        numeric &= ~_matches(cells, _COMPACT_DAY)
    times = np.full(len(cells), NEVER)
    written = np.zeros(len(cells), dtype=np.int8)
    exact = np.ones(len(cells), dtype=bool)
    if numeric.any():
        times[numeric], written[numeric], exact[numeric] = _read_numbers(cells.filter(pa.array(numeric)))
    shifted = False
    if not numeric.all():
        rest = cells.filter(pa.array(~numeric))
        known = unix.times[~numeric] if unix is not None else np.full(len(rest), NEVER)
        times[~numeric], written[~numeric], shifted = _read_texts(rest, known)
    outside = (times < _EARLIEST) | (times >= _LATEST)
    times[outside] = NEVER
    written[np.isnat(times)] = Written.NOTHING
    return Instants(times, written, exact, shifted)


def _read_numbers(
    cells: pa.StringArray,
) -> tuple[NDArray[np.datetime64], NDArray[np.int8], NDArray[np.bool_]]:
    cells = pc.utf8_trim_whitespace(cells)
    numbers = np.asarray(pc.cast(cells, pa.float64()).to_numpy())
    written = np.full(len(numbers), Written.NOTHING, dtype=np.int8)
    micros = np.full(len(numbers), np.nan)
    for (smallest, largest, factor), kind in zip(
        _UNITS, (Written.DAY, Written.SECONDS, Written.FINER, Written.FINER, Written.FINER), strict=True
    ):
        of_unit = (numbers >= smallest) & (numbers < largest)
        shift = _SPREADSHEET_EPOCH_US if kind == Written.DAY else 0
        micros[of_unit] = numbers[of_unit] * factor - shift
        written[of_unit] = kind
    floats = pc.match_substring(cells, ".").to_numpy(zero_copy_only=False)
    written[floats & (written == Written.SECONDS)] = Written.FLOAT_SECONDS
    exact = ~pc.match_substring_regex(cells, "[eE]").to_numpy(zero_copy_only=False)
    known = np.isfinite(micros)
    times = np.full(len(numbers), NEVER)
    times[known] = np.round(micros[known]).astype(np.int64).view("datetime64[us]")
    return times, written, exact


def _read_texts(
    cells: pa.StringArray, known: NDArray[np.datetime64]
) -> tuple[NDArray[np.datetime64], NDArray[np.int8], bool]:
    times = np.full(len(cells), NEVER)
    written = np.zeros(len(cells), dtype=np.int8)
    left = np.ones(len(cells), dtype=bool)
    for pattern, cast in ((_ISO, _cast_iso), (_ISO_HOUR, _cast_hour)):
        mask = left & _matches(cells, pattern)
        if mask.any() and (read := cast(cells.filter(pa.array(mask)))) is not None:
            times[mask], written[mask] = read
            left &= ~mask
    if not left.any():
        return times, written, False
    times[left], written[left], shifted = _read_distinct(cells.filter(pa.array(left)), known[left])
    return times, written, shifted


def _cast_iso(cells: pa.StringArray) -> tuple[NDArray[np.datetime64], NDArray[np.int8]] | None:
    """ISO days and seconds; None if one of them is no date (2020-02-30)."""
    try:
        times = pc.cast(cells, pa.timestamp("us")).to_numpy()
    except pa.ArrowInvalid:
        return None
    days_only = pc.equal(pc.utf8_length(cells), len("2020-01-01")).to_numpy(zero_copy_only=False)
    return times, np.where(days_only, Written.DAY, Written.INSTANT).astype(np.int8)


def _cast_hour(cells: pa.StringArray) -> tuple[NDArray[np.datetime64], NDArray[np.int8]] | None:
    """The vendor's `2019-10-29 10-PM`."""
    days = _cast_iso(pc.utf8_slice_codeunits(cells, 0, 10))
    hours = pc.cast(pc.utf8_slice_codeunits(cells, 11, 13), pa.int64()).to_numpy()
    if days is None or (hours == 0).any():
        return None
    afternoon = pc.ends_with(cells, "PM").to_numpy(zero_copy_only=False)
    times = days[0] + (hours % 12 + np.where(afternoon, 12, 0)) * _HOUR
    return times, np.full(len(times), Written.HOUR, dtype=np.int8)


def _read_distinct(
    cells: pa.StringArray, known: NDArray[np.datetime64]
) -> tuple[NDArray[np.datetime64], NDArray[np.int8], bool]:
    encoded = pc.dictionary_encode(cells)
    codes = encoded.indices.to_numpy()
    texts = encoded.dictionary.to_pylist()
    told = np.argsort(known, kind="stable")[: np.count_nonzero(~np.isnat(known))][:_DATES_ASKED]
    beside: list[tuple[str, datetime]] = [
        (texts[codes[row]], known[row].astype("datetime64[us]").item()) for row in told
    ]
    day_first = is_day_first(texts, beside)
    dates = [read_date(text, day_first=day_first) for text in texts]
    abroad = [date for date in dates if date and date.offset]
    # Bars from midnight to midnight of another zone are that zone's days, whatever day it is in UTC by then.
    by_day = bool(abroad) and all(date.is_midnight for date in abroad)
    times = np.array(
        [(date.local if by_day else date.local - date.offset) if date else NEVER for date in dates],
        dtype="datetime64[us]",
    )
    written = np.array([date.written if date else Written.NOTHING for date in dates], dtype=np.int8)
    return times[codes], written[codes], by_day


def _matches(cells: pa.StringArray, pattern: str) -> NDArray[np.bool_]:
    return np.asarray(pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False))
