"""Forecasts beside what came: what metrics are taken of."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.forecasts.quantiles import FloatArray
from pipeline.scores.formulas import weighted_interval_score
from pipeline.scores.paired import PairedDifference, paired_difference


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
    """With the log returns that came, array of shape (n,), and quantiles of them, of shape (n, 23).

    Those of har-range, NaN where it has no forecast, are there where a model is compared with it.
    """

    outcome: FloatArray
    quantiles: FloatArray
    walk: FloatArray
    horizon: int = 1
    har: FloatArray | None = None

    @property
    def wis(self) -> FloatArray:
        """Of each forecast."""
        return weighted_interval_score(self.outcome, self.quantiles)

    @property
    def walk_wis(self) -> FloatArray:
        """Of the random walk's on the same days."""
        return weighted_interval_score(self.outcome, self.walk)

    @property
    def less_har_range(self) -> PairedDifference:
        """Relative WIS less har-range's, on the days that it has too."""
        har = self.outcome * np.nan if self.har is None else weighted_interval_score(self.outcome, self.har)
        return paired_difference(self.wis, har, self.walk_wis, horizon=self.horizon)


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
