"""The daily grid with its axis and its features: built once for a file, cut by slicing for a day."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from pipeline.candles.columns import DATE
from pipeline.errors import DateError
from pipeline.features.daily import Features, build_features
from pipeline.features.day_axis import DayAxis, IntArray
from pipeline.forecasts.quantiles import FloatArray


@dataclass(frozen=True, eq=False)
class FeatureGrid:
    """What fits and forecasts are made of; nothing of it is changed in place.

    Attributes:
        table: The `daily_grid`, a row a day but for holes too long to fill.
        days: Its axis of calendar days.
        features: Of every day of the axis.
        pool: The series that a pooled recipe learns from together, this one among them; None where there is no other.
    """

    table: pd.DataFrame
    days: DayAxis
    features: Features
    pool: "Pool | None" = None

    @classmethod
    def of(cls, table: pd.DataFrame) -> "FeatureGrid":
        """The features of a `daily_grid`."""
        days = DayAxis.of(table)
        return cls(table, days, build_features(days))

    @property
    def first_day(self) -> date:
        """Day of the oldest row."""
        day: date = self.table[DATE].iloc[0].date()
        return day

    @property
    def last_day(self) -> date:
        """Day of the newest row."""
        day: date = self.table[DATE].iloc[-1].date()
        return day

    def until(self, as_of: date) -> "FeatureGrid":
        """The rows at or before `as_of`, with the bits that features built from these rows alone have; the pool's too.

        What looks ahead (`DayAxis.outcomes`) is computed from the rows that are left.

        Raises:
            DateError: There are none.
        """
        rows = int(np.searchsorted(self.table[DATE].to_numpy(), np.datetime64(as_of), side="right"))
        if not rows:
            raise DateError(f"There is no candle at or before {as_of}; choose a later day.")
        pool = self.pool.until(as_of) if self.pool else None
        if rows == len(self.table):
            return self if pool is self.pool else replace(self, pool=pool)
        days = self.days.first(rows)
        return FeatureGrid(self.table.iloc[:rows], days, self.features.first(len(days.number)), pool)


@dataclass(frozen=True, eq=False)
class Pool:
    """The days of several series, in the order of their names: one fit learns from all of them.

    Attributes:
        members: By name; none of them has a pool of its own.
    """

    members: Mapping[str, FeatureGrid]
    _cuts: dict[date, "Pool"] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, members: Mapping[str, FeatureGrid]) -> "Pool":
        """The pool, whatever order the series come in."""
        return cls({name: members[name] for name in sorted(members)})

    def grid(self, name: str) -> FeatureGrid:
        """The days of one series beside the others'."""
        return replace(self.members[name], pool=self if len(self.members) > 1 else None)

    def until(self, as_of: date) -> "Pool":
        """The rows of all at or before `as_of`; a series that begins later is no member yet.

        The same day gives the same object: what is learned from it is learned once for all members.
        """
        if as_of not in self._cuts:
            begun = {name: one for name, one in self.members.items() if one.first_day <= as_of}
            cut = {name: one.until(as_of) for name, one in begun.items()}
            is_whole = list(cut.values()) == list(self.members.values())
            self._cuts[as_of] = self if is_whole else Pool(cut)
        return self._cuts[as_of]

    def scaled_return(self, days: IntArray) -> FloatArray:
        """The market's: the mean of the members' on each of those days (since 1970-01-01), NaN where none has one."""
        total, count = np.zeros(len(days)), np.zeros(len(days))
        for member in self.members.values():
            place = days - int(member.days.number[0])
            inside = (place >= 0) & (place < len(member.days.number))
            own = np.full(len(days), np.nan)
            own[inside] = member.features.scaled_return[place[inside]]
            known = np.isfinite(own)
            total += np.where(known, own, 0.0)
            count += known
        return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
