"""Forecasts beside what came: what metrics are taken of."""

from dataclasses import dataclass
from typing import Protocol

from pipeline.forecasts.quantiles import FloatArray
from pipeline.scores.differences import Difference, paired_difference
from pipeline.scores.formulas import weighted_interval_score


@dataclass(frozen=True, eq=False)
class Points:
    """Point forecasts beside what came, in one unit: arrays of shape (n,), nothing missing."""

    actual: FloatArray
    predicted: FloatArray


@dataclass(frozen=True, eq=False)
class Prices(Points):
    """Closes in quote currency, with the last close at each forecast and the scale of MASE."""

    last: FloatArray
    persistence: float


@dataclass(frozen=True, eq=False)
class Ranges(Prices):
    """With the log returns that came, array of shape (n,), and quantiles of them, of shape (n, 23)."""

    outcome: FloatArray
    quantiles: FloatArray
    walk: FloatArray
    horizon: int = 1

    @property
    def wis(self) -> FloatArray:
        """Of each forecast."""
        return weighted_interval_score(self.outcome, self.quantiles)

    @property
    def walk_wis(self) -> FloatArray:
        """Of the random walk's on the same days."""
        return weighted_interval_score(self.outcome, self.walk)


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparedRanges(Ranges):
    """With the quantiles of `har-range` for the same days, array of shape (n, 23), NaN where it has none."""

    har_range: FloatArray

    @property
    def beside_random_walk(self) -> Difference:
        """How far the WIS lies from the random walk's."""
        return paired_difference(self.wis, self.walk_wis, self.walk_wis, horizon=self.horizon)

    @property
    def beside_har_range(self) -> Difference:
        """How far the WIS lies from har-range's, on the days that it has too."""
        theirs = weighted_interval_score(self.outcome, self.har_range)
        return paired_difference(self.wis, theirs, self.walk_wis, horizon=self.horizon)


@dataclass(frozen=True, eq=False)
class Issued:
    """Columns of the ledger's score rows: arrays of shape (n,), the random walk's NaN where it has none."""

    wis: FloatArray
    walk_wis: FloatArray
    absolute_error: FloatArray
    hit_80: FloatArray


class Losses(Protocol):
    """What has a WIS of each forecast and one of the random walk's beside it."""

    @property
    def wis(self) -> FloatArray: ...  # noqa: D102

    @property
    def walk_wis(self) -> FloatArray: ...  # noqa: D102
