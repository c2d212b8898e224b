"""A daily grid as arrays over every calendar day: what features, baselines and targets are computed on."""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.candles.columns import CLOSE, DATE, FILLED, HIGH, LOW, OPEN, VOLUME_BASE
from pipeline.forecasts.quantiles import HORIZONS, FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_EPOCH: Final = date(1970, 1, 1)
# 1970-01-01 was a Thursday; Monday is 0.
_EPOCH_WEEKDAY: Final = 3


def day_number(day: date) -> int:
    """Days since 1970-01-01, as the refit calendar counts them."""
    return (day - _EPOCH).days


def day_date(number: int) -> date:
    """The day that `day_number` counted."""
    return _EPOCH + timedelta(days=number)


def refit_day(day: date, every: int) -> date:
    """The refit calendar's last day at or before `day`: its count since 1970-01-01 is divisible by `every`."""
    return day_date(day_number(day) // every * every)


@dataclass(frozen=True, eq=False)
class DayAxis:
    """Candles on an axis without gaps.

    Attributes:
        number: Days since 1970-01-01 of each place on the axis, array of shape (n_days,).
        place: Where each row of the grid lies on the axis, array of shape (n_rows,).
        open: Prices in quote currency, arrays of shape (n_days,), NaN inside a hole too long to fill.
        high: As `open`.
        low: As `open`.
        close: As `open`.
        volume: In base currency, NaN where the file does not tell it.
        observed: True where a real candle lies; a filled day is not observed.
    """

    number: IntArray
    place: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    observed: BoolArray

    @classmethod
    def of(cls, grid: pd.DataFrame) -> "DayAxis":
        """The axis of a `daily_grid`."""
        days = grid[DATE].to_numpy().astype("datetime64[D]").astype(np.int64)
        place = days - days[0]
        length = int(place[-1]) + 1
        observed = np.zeros(length, dtype=bool)
        observed[place] = ~grid[FILLED].to_numpy(dtype=bool)
        columns = {
            field: _spread(grid[name].to_numpy(dtype=float), place, length)
            for field, name in (("open", OPEN), ("high", HIGH), ("low", LOW), ("close", CLOSE))
        }
        volume = _spread(grid[VOLUME_BASE].to_numpy(dtype=float), place, length)
        return cls(
            number=np.arange(days[0], days[0] + length),
            place=place,
            volume=volume,
            observed=observed,
            **columns,
        )

    def first(self, rows: int) -> "DayAxis":
        """The axis of the grid's first `rows` rows."""
        length = int(self.place[rows - 1]) + 1
        cut = {field.name: getattr(self, field.name)[:length] for field in fields(self)}
        return DayAxis(**cut | {"place": self.place[:rows]})

    @cached_property
    def log_close(self) -> FloatArray:
        """Natural logarithm of the close, NaN inside a long hole."""
        return np.log(self.close)

    @cached_property
    def weekday(self) -> IntArray:
        """0 for Monday to 6 for Sunday, array of shape (n_days,)."""
        return (self.number + _EPOCH_WEEKDAY) % 7

    def place_of(self, day: date) -> int:
        """Where `day` lies on the axis; it may lie before or after it."""
        return day_number(day) - int(self.number[0])

    def log_returns_ahead(self, horizon: int) -> FloatArray:
        """`log(C[t + horizon] / C[t])` at t, array of shape (n_days,); NaN unless both days are observed."""
        ahead = np.full(len(self.number), np.nan)
        known = np.where(self.observed, self.log_close, np.nan)
        ahead[:-horizon] = known[horizon:] - known[:-horizon]
        return ahead

    @cached_property
    def outcomes(self) -> FloatArray:
        """`log_returns_ahead` of the seven horizons, array of shape (n_days, 7)."""
        return np.stack([self.log_returns_ahead(horizon) for horizon in HORIZONS], axis=1)


def _spread(values: FloatArray, place: IntArray, length: int) -> FloatArray:
    spread = np.full(length, np.nan)
    spread[place] = values
    return spread
