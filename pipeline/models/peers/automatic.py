"""Peers: the automatic models of `statsforecast` on log closes, with conformal ranges.

Their own ranges are Gaussian with one deviation for the whole history, far too wide in calm years
(docs/forecast.md). Here the mean is theirs, and the range is what their errors of the last year held, as the random
walk's is what returns held.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np

from pipeline.features.day_axis import IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.models.contract import Learned, Watch
from pipeline.models.peers.library import peer_library
from pipeline.recipes.ranges import PeerRecipe

FEWEST_CLOSES: Final = 200
ERROR_DAYS: Final = 365
FEWEST_ERRORS: Final = 100


def _recipe(method: str, title: str, source: str) -> PeerRecipe:
    return PeerRecipe(
        name=f"statsforecast-{method}",
        title=f"{title} of log closes, by statsforecast.",
        source=source,
        method=method,
        library="statsforecast",
    )


STATSFORECAST_ARIMA: Final = _recipe("arima", "ARIMA chosen by AICc", "Hyndman and Khandakar 2008")
STATSFORECAST_ETS: Final = _recipe("ets", "Exponential smoothing chosen by AICc", "Hyndman et al. 2002")
STATSFORECAST_THETA: Final = _recipe("theta", "The best of four Theta models", "Fiorucci et al. 2016")


@dataclass(frozen=True, eq=False)
class AutomaticRange(Learned[PeerRecipe]):
    """The model is chosen and fitted once; each day it is carried forward over the closes up to it.

    Attributes:
        model: What statsforecast fitted.
    """

    name: ClassVar[str]

    model: Any

    @classmethod
    def fit(cls, recipe: PeerRecipe, past: FeatureGrid, *, seed: int, watch: Watch) -> Self:
        """On all log closes, without a season; there is no chance in it.

        Raises:
            InputError: `statsforecast` is not installed.
        """
        closes = past.days.log_close
        model = getattr(peer_library("statsforecast.models"), cls.name)(season_length=1)
        return cls(model.fit(closes[np.isfinite(closes)]))

    def quantiles(self, grid: FeatureGrid, places: IntArray) -> FloatArray:
        """Log returns, array of shape (n, 7, 23), NaN where fewer than 100 errors are there."""
        reach = ERROR_DAYS + len(HORIZONS)
        needed = {place for end in places.tolist() for place in range(max(end - reach, 0), end + 1)}
        means = self._means(grid, sorted(needed))
        errors = grid.days.outcomes - means
        return np.stack([conformal(errors, means[place], place) for place in places.tolist()])

    def _means(self, grid: FeatureGrid, places: list[int]) -> FloatArray:
        """Expected log returns of these days, each from the closes up to it, array of shape (n_days, 7)."""
        closes = grid.days.log_close
        means = np.full((len(closes), len(HORIZONS)), np.nan)
        for place in places:
            known = closes[: place + 1][np.isfinite(closes[: place + 1])]
            if len(known) >= FEWEST_CLOSES and np.isfinite(closes[place]):
                means[place] = self.model.forward(y=known, h=len(HORIZONS))["mean"] - known[-1]
        return means


class ArimaRange(AutomaticRange):
    """AutoARIMA."""

    name = "AutoARIMA"


class EtsRange(AutomaticRange):
    """AutoETS."""

    name = "AutoETS"


class ThetaRange(AutomaticRange):
    """AutoTheta."""

    name = "AutoTheta"


def conformal(errors: FloatArray, mean: FloatArray, place: int) -> FloatArray:
    """The mean with the empirical quantiles of the errors that were known at `place`.

    Args:
        errors: Outcome less mean by day of the forecast and horizon, array of shape (n_days, 7).
        mean: Of this day, array of shape (7,).
        place: Where on the axis the forecast is made.

    Returns:
        Array of shape (7, 23); NaN where fewer than 100 errors of the last 365 days are known.
    """
    quantiles = np.full((len(HORIZONS), len(LEVELS)), np.nan)
    for column, horizon in enumerate(HORIZONS):
        ended = place - horizon + 1
        recent = errors[max(ended - ERROR_DAYS, 0) : max(ended, 0), column]
        known = recent[np.isfinite(recent)]
        if len(known) >= FEWEST_ERRORS:
            quantiles[column] = mean[column] + np.quantile(known, LEVELS)
    return quantiles
