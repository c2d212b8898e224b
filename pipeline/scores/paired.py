"""How one forecaster's score differs from another's on the same days, and whether that is more than chance."""

import math
from dataclasses import dataclass
from typing import Final

from pipeline.forecasts.quantiles import FloatArray
from pipeline.scores.common_days import common_cells
from pipeline.scores.formulas import standard_error

# With fewer days the variance of their differences is a guess, and t may be a hundred.
FEWEST_TESTED: Final = 30
# A difference is told as one beyond so many standard errors: one in twenty of those that are none.
CLEAR: Final = 1.96


@dataclass(frozen=True)
class PairedDifference:
    """A mean score less another's, over the random walk's mean on the same days: in units of relative WIS.

    Attributes:
        n: Days that all three have.
        difference: Below 0 the first is the better one; NaN without a day.
        error: Its standard error (Newey–West, h − 1 lags); NaN under 30 days.
    """

    n: int
    difference: float
    error: float

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `not clear`, `equal`, or `too early` under 30 days."""
        if self.n < FEWEST_TESTED:
            return "too early"
        if math.isnan(self.error):
            return "equal" if self.difference == 0 else "–"
        if abs(self.difference) <= CLEAR * self.error:
            return "not clear"
        return "better" if self.difference < 0 else "worse"

    @property
    def text(self) -> str:
        """As `−0.0069 ± 0.0011`; a dash where there is none, without the error where that is not known."""
        if math.isnan(self.difference):
            return "–"
        return _figures(self.difference, self.error, ".4f")

    @property
    def ten_thousandths(self) -> str:
        """As `text`, for a column that is headed 10⁻⁴: `−69 ± 11`."""
        return (
            "–" if math.isnan(self.difference) else _figures(1e4 * self.difference, 1e4 * self.error, ".0f")
        )


def _figures(value: float, error: float, form: str) -> str:
    figure = f"{value:+{form}}".replace("-", "−")
    return figure if math.isnan(error) else f"{figure} ± {error:{form}}"


def paired_difference(
    own: FloatArray, other: FloatArray, walk: FloatArray, *, horizon: int
) -> PairedDifference:
    """The difference of two forecasters on the days that they and the random walk have.

    Args:
        own: WIS, array of shape (n,) in time order, NaN where there is no forecast or no outcome.
        other: As `own`.
        walk: As `own`.
        horizon: Days ahead.
    """
    known = common_cells(own, other, walk)
    own, other, unit = own[known], other[known], float(walk[known].mean()) if known.any() else 0.0
    if unit <= 0:
        return PairedDifference(len(own), math.nan, math.nan)
    error = standard_error(own - other, horizon=horizon) if len(own) >= FEWEST_TESTED else math.nan
    return PairedDifference(len(own), float((own - other).mean()) / unit, error / unit)


def beside_walk(n: int, relative_wis: float, t: float) -> str:
    """The verdict of a Diebold–Mariano t against the random walk.

    Args:
        n: Days.
        relative_wis: Mean WIS over the random walk's.
        t: Above 0 where that is below 1.
    """
    difference = relative_wis - 1
    return PairedDifference(n, difference, abs(difference / t) if t else math.nan).verdict
