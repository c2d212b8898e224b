"""What a held-back stretch says about a forecast: how wide it should be, and from where it has no skill."""

from typing import Final

import numpy as np

from pipeline.quantiles import HORIZONS, FloatArray
from pipeline.scoring import diebold_mariano, weighted_interval_score

STRETCHES: Final = np.round(np.linspace(0.8, 1.25, 46), 3)
# "As fitted" counts as much as this many days: a stretch must earn its place.
PRIOR_DAYS: Final = 300.0
# One-sided 1 %: the random walk takes over only where the forecast was worse beyond doubt.
_WORSE_T: Final = -2.326


def best_stretch(actual: FloatArray, quantiles: FloatArray, deviation: FloatArray) -> FloatArray:
    """Factor on each horizon's quantiles that scores best on the held-back days, drawn towards 1.

    Scores are in units of the deviation, so that one wild week does not decide. The logarithm of the best
    factor is multiplied by days / (days + 300).

    Args:
        actual: Log returns, array of shape (n, 7), NaN where there is no outcome.
        quantiles: Log returns, array of shape (n, 7, 23).
        deviation: The unit of each, array of shape (n, 7).

    Returns:
        Array of shape (7,).
    """
    factors = np.ones(len(HORIZONS))
    for column in range(len(HORIZONS)):
        known = np.isfinite(actual[:, column])
        if not known.any():
            continue
        unit = deviation[known, column]
        outcome, spread = actual[known, column] / unit, quantiles[known, column] / unit[:, None]
        scores = [weighted_interval_score(outcome, factor * spread).mean() for factor in STRETCHES]
        days = float(known.sum())
        factors[column] = STRETCHES[int(np.argmin(scores))] ** (days / (days + PRIOR_DAYS))
    return factors


def skill_ends_at(actual: FloatArray, quantiles: FloatArray, walk: FloatArray) -> int | None:
    """First horizon from which every forecast was significantly worse than the random walk's.

    Worse is a Diebold–Mariano t below −2.326 on the held-back days. A mere relative WIS above 1 is not enough:
    measured over years, what a stretch of days shows at horizons 4 to 7 does not foretell the next stretch.

    Args:
        actual: Log returns, array of shape (n, 7), NaN where there is no outcome.
        quantiles: Array of shape (n, 7, 23).
        walk: The random walk's, same shape.

    Returns:
        2 … 7, or None where the last horizon has skill or nothing can be said; horizon 1 is never given up.
    """
    start = None
    for horizon in reversed(HORIZONS[1:]):
        column = horizon - 1
        own = weighted_interval_score(actual[:, column], quantiles[:, column])
        other = weighted_interval_score(actual[:, column], walk[:, column])
        if not diebold_mariano(own, other, horizon=horizon).t < _WORSE_T:
            break
        start = horizon
    return start
