"""Whether one forecaster's scores are lower than another's, or only seem so."""

import math
from typing import Final, Literal, NamedTuple

import numpy as np

from pipeline.forecasts.quantiles import FloatArray
from pipeline.scores.common_days import common_cells
from pipeline.scores.formulas import FEWEST_TESTED, standard_error

# Standard errors beyond which a difference is told as one.
CLEAR: Final = 2.0
NO_CLEAR_DIFFERENCE: Final = "no clear difference"
Words = Literal["better", "worse", "no clear difference", "too few days"]


class Difference(NamedTuple):
    """Mean WIS less another's on the same days, over the random walk's mean: in units of relative WIS.

    Attributes:
        value: Below 0 the first forecaster is the better one; NaN without a common day.
        error: Its standard error (Newey–West with h − 1 lags); NaN under 30 common days and without spread.
        days: Common days, of both and of the random walk.
    """

    value: float
    error: float
    days: int

    @property
    def words(self) -> Words:
        """What may be said of it; a difference within two standard errors is none."""
        if self.days < FEWEST_TESTED:
            return "too few days"
        if math.isnan(self.error) or abs(self.value) <= CLEAR * self.error:
            return "no clear difference"
        return "better" if self.value < 0 else "worse"

    @property
    def figures(self) -> str:
        """Value and error, as `−0.0250 ± 0.0035`; `– (2 days)` where there are too few to tell."""
        if self.days < FEWEST_TESTED or math.isnan(self.value):
            return f"– ({self.days} day{'s' * (self.days != 1)})"
        return f"{self.value:+.4f}{self._error}".replace("-", "−")

    @property
    def ratio(self) -> str:
        """The same as relative WIS, where the other is the random walk: as `0.9750 ± 0.0035`."""
        return "–" if math.isnan(self.value) else f"{1 + self.value:.4f}{self._error}"

    @property
    def _error(self) -> str:
        return "" if math.isnan(self.error) else f" ± {self.error:.4f}"


def paired_difference(
    loss: FloatArray, other: FloatArray, random_walk: FloatArray, *, horizon: int = 1
) -> Difference:
    """How much lower or higher the first loss is, in units of the random walk's mean.

    `mean(loss − other) / mean(random_walk)`, each over the days that all three have; the error is that of
    `diebold_mariano`, so that value / error is its −t where the days are the same.

    Args:
        loss: Array of shape (n,) in time order, NaN where there is none.
        other: Of the same days.
        random_walk: Of the same days; where it is the other one, the value is relative WIS − 1.
        horizon: Steps ahead of the forecasts, 1 or more.
    """
    loss, other, random_walk = (np.asarray(values, dtype=float) for values in (loss, other, random_walk))
    common = common_cells(loss, other, random_walk)
    days = int(common.sum())
    scale = float(random_walk[common].mean()) if days else 0.0
    if not scale > 0:
        return Difference(math.nan, math.nan, days)
    difference = loss[common] - other[common]
    error = standard_error(difference, horizon=horizon) if days >= FEWEST_TESTED else math.nan
    return Difference(float(difference.mean()) / scale, error / scale, days)
