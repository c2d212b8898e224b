"""A peer: GARCH(1,1) with Student's t innovations (Bollerslev 1987), fitted by `arch`."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from pipeline.features.day_axis import DayAxis, IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.models.contract import Learned, Watch
from pipeline.models.peers.library import peer_library
from pipeline.recipes.ranges import PeerRecipe

FEWEST_RETURNS: Final = 300
PATHS: Final = 2000
# The optimiser of arch wants returns of about this size.
_PERCENT: Final = 100.0
ARCH_GARCH: Final = PeerRecipe(
    name="arch-garch",
    title="GARCH(1,1) of daily returns with Student's t, by the package arch.",
    source="Bollerslev 1987",
    method="garch-t",
    library="arch",
)


@dataclass(frozen=True, eq=False)
class GarchRange(Learned[PeerRecipe]):
    """Maximum likelihood once, the variance followed day by day.

    Attributes:
        parameters_: Mean, ω, α, β and degrees of freedom, of returns in percent.
    """

    parameters_: FloatArray

    @classmethod
    def fit(cls, recipe: PeerRecipe, past: FeatureGrid, *, seed: int, watch: Watch) -> Self:
        """On all returns; there is no chance in it.

        Raises:
            InputError: `arch` is not installed.
        """
        returns, _ = known_returns(past.days)
        return cls(np.asarray(_model(returns).fit(disp="off", show_warning=False).params, dtype=float))

    def quantiles(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where fewer than 300 returns are there."""
        returns, ended = known_returns(grid.days)
        filtered = _model(returns).fix(self.parameters_)
        mean, omega, alpha, beta, _ = self.parameters_
        ahead = (
            omega + alpha * (returns - mean) ** 2 + beta * np.asarray(filtered.conditional_volatility) ** 2
        )
        quantiles = np.full((len(places), len(HORIZONS), len(LEVELS)), np.nan)
        shocks = student_shocks(self.parameters_[4])
        for row, place in enumerate(places):
            known = int(np.searchsorted(ended, place, side="right"))
            if known >= FEWEST_RETURNS and np.isfinite(grid.days.log_close[place]):
                quantiles[row] = garch_quantiles(self.parameters_, float(ahead[known - 1]), shocks) / _PERCENT
        return quantiles


def garch_quantiles(parameters: FloatArray, variance: float, shocks: FloatArray) -> FloatArray:
    """Quantiles of the sum of the next 1 to 7 returns: of one by the distribution itself, of more by paths.

    Args:
        parameters: As `GarchRange.parameters_`.
        variance: Of the next return.
        shocks: Innovations of the paths, array of shape (n_paths, 7).

    Returns:
        Array of shape (7, 23), in the unit of the parameters.
    """
    from scipy.stats import t as student

    mean, omega, alpha, beta, freedom = parameters
    variances, total = np.full(len(shocks), variance), np.zeros(len(shocks))
    quantiles = np.empty((len(HORIZONS), len(LEVELS)))
    for column in range(len(HORIZONS)):
        moved = np.sqrt(variances) * shocks[:, column]
        total += mean + moved
        variances = omega + alpha * moved**2 + beta * variances
        quantiles[column] = np.quantile(total, LEVELS)
    scale = np.sqrt(variance * (freedom - 2) / freedom)
    quantiles[0] = mean + scale * student.ppf(LEVELS, freedom)
    return quantiles


def student_shocks(freedom: float) -> FloatArray:
    """Student's t of variance 1, each with its mirror image, array of shape (2 × PATHS, 7): the same every time."""
    drawn = np.random.default_rng(0).standard_t(freedom, size=(PATHS, len(HORIZONS)))
    shocks: FloatArray = np.concatenate([drawn, -drawn]) * np.sqrt((freedom - 2) / freedom)
    return shocks


def known_returns(days: DayAxis) -> tuple[FloatArray, IntArray]:
    """Daily returns in percent where both closes are there, and the place on the axis at which each ended."""
    returns = _PERCENT * np.diff(days.log_close)
    known = np.flatnonzero(np.isfinite(returns))
    return returns[known], known + 1


def _model(returns: FloatArray):  # type: ignore[no-untyped-def]  # noqa: ANN202 - arch is not there to be typed
    return peer_library("arch").arch_model(
        returns, mean="Constant", vol="GARCH", p=1, q=1, dist="t", rescale=False
    )
