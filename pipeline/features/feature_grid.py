"""The daily grid with its axis and its features: built once for a file, cut by slicing for a day."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipeline.candles.columns import DATE
from pipeline.errors import DateError
from pipeline.features.daily import Features, build_features
from pipeline.features.day_axis import DayAxis


@dataclass(frozen=True, eq=False)
class FeatureGrid:
    """What fits and forecasts are made of; nothing of it is changed in place.

    Attributes:
        table: The `daily_grid`, a row a day but for holes too long to fill.
        days: Its axis of calendar days.
        features: Of every day of the axis.
    """

    table: pd.DataFrame
    days: DayAxis
    features: Features

    @classmethod
    def of(cls, table: pd.DataFrame) -> "FeatureGrid":
        """The features of a `daily_grid`."""
        days = DayAxis.of(table)
        return cls(table, days, build_features(days))

    @property
    def last_day(self) -> date:
        """Day of the newest row."""
        day: date = self.table[DATE].iloc[-1].date()
        return day

    def until(self, as_of: date) -> "FeatureGrid":
        """The rows at or before `as_of`, with the bits that features built from these rows alone have.

        What looks ahead (`DayAxis.outcomes`) is computed from the rows that are left.

        Raises:
            DateError: There are none.
        """
        rows = int(np.searchsorted(self.table[DATE].to_numpy(), np.datetime64(as_of), side="right"))
        if not rows:
            raise DateError(f"There is no candle at or before {as_of}; choose a later day.")
        if rows == len(self.table):
            return self
        days = self.days.first(rows)
        return FeatureGrid(self.table.iloc[:rows], days, self.features.first(len(days.number)))
