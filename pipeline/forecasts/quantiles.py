"""The 23 quantile levels of every forecast, and the horizons it covers."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LEVELS: Final[tuple[float, ...]] = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)
MEDIAN: Final = LEVELS.index(0.5)
HORIZONS: Final[tuple[int, ...]] = (1, 2, 3, 4, 5, 6, 7)
COVERAGES: Final[tuple[int, ...]] = (50, 80, 90, 95)

FloatArray = NDArray[np.float64]


def interval_levels(coverage: int) -> tuple[float, float]:
    """Lower and upper level of the central range that should hold `coverage` percent of outcomes.

    Example:
        >>> interval_levels(80)
        (0.1, 0.9)
    """
    tail = (100 - coverage) / 200
    return round(tail, 3), round(1 - tail, 3)


def interval(quantiles: FloatArray, coverage: int) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bound of the central `coverage` percent range.

    Args:
        quantiles: Array of shape (..., 23) in the order of `LEVELS`.
        coverage: Percent, one of 50, 80, 90, 95 (or 98, 40, 30, …: any whose two levels are among the 23).

    Returns:
        Two arrays of shape (...).

    Raises:
        ValueError: One of the two levels is not among the 23.
    """
    lower, upper = interval_levels(coverage)
    return quantiles[..., LEVELS.index(lower)], quantiles[..., LEVELS.index(upper)]
