"""Instants as whole microseconds since 1970 in UTC, and what a column of a file tells of them."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.candles.row_filter import Mask

Micros = NDArray[np.int64]

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US
STEP_US: Final = {"1d": DAY_US, "1h": HOUR_US}
# Midnight in UTC+05:30; shares open at other half hours.
_INDIA: Final = 37 * HOUR_US // 2
# No time at all; the number that numpy gives to NaT.
NEVER: Final = np.iinfo(np.int64).min


class Written(IntEnum):
    """How a row tells its time; a later vintage of the vendor's file has the higher number."""

    NOTHING = 0
    DAY = 1
    HOUR = 2
    INSTANT = 3
    FLOAT_SECONDS = 4
    SECONDS = 5
    FINER = 6


@dataclass(frozen=True, eq=False)
class Timestamps:
    """What one column tells of time; arrays of shape (n_rows,).

    Attributes:
        times: Microseconds since 1970 in UTC, NEVER where the cell is no time.
        written: A `Written` each.
        exact: False where digits were lost (`1.61093E+12`).
        local_days: Whether dates are midnights of another zone than UTC, taken as the days written.
    """

    times: Micros
    written: NDArray[np.int8]
    exact: Mask
    local_days: bool = False

    @classmethod
    def none(cls, rows: int) -> "Timestamps":
        """A column without a time."""
        return cls(np.full(rows, NEVER), np.zeros(rows, dtype=np.int8), np.ones(rows, dtype=bool))

    @property
    def told(self) -> Mask:
        """Rows with a time."""
        told: Mask = self.times != NEVER
        return told

    def where(self, mask: Mask, others: "Timestamps") -> "Timestamps":
        """These rows outside the mask, and those of a table of the mask's rows inside it."""
        times, written, exact = self.times.copy(), self.written.copy(), self.exact.copy()
        times[mask], written[mask], exact[mask] = others.times, others.written, others.exact
        return Timestamps(times, written, exact, self.local_days or others.local_days)


def opens_abroad(after: Micros) -> Mask:
    """Whether days of a zone to the east begin at these times of day: at full hours from noon on, and India's."""
    abroad: Mask = (2 * after >= DAY_US) & ((after % HOUR_US == 0) | (after == _INDIA))
    return abroad


def spoken_instant(micros: int) -> str:
    """A day, or a day and time where it is not midnight, in ISO."""
    instant = np.datetime64(micros, "us")
    return str(instant.astype("datetime64[D]") if micros % DAY_US == 0 else instant.astype("datetime64[m]"))
