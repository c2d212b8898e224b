"""What recent outcomes say about a forecast: how its quantiles should lie, and from where it has no skill."""

from typing import Final

import numpy as np

from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.scores.formulas import diebold_mariano, weighted_interval_score

# The quantile that outcomes are measured in. Of symmetric ranges one quantile tells the width.
UNIT_LEVEL: Final = LEVELS.index(0.8)
# The forecast's own quantiles count as much as this many days: recent outcomes must earn their place.
PRIOR_DAYS: Final = 50.0
# No stretch of days moves a quantile further than this.
_RATIO_BOUNDS: Final = (0.4, 2.5)
# One-sided 1 %: the random walk takes over only where the forecast was worse beyond doubt.
_WORSE_T: Final = -2.326


def in_units(outcomes: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Outcomes over the 80 % quantile that was forecast for them.

    Args:
        outcomes: Log returns, array of shape (n, 7), NaN where there is none.
        quantiles: Log returns, symmetric about 0, array of shape (n, 7, 23).

    Returns:
        Array of shape (n, 7).
    """
    scaled: FloatArray = outcomes / quantiles[:, :, UNIT_LEVEL]
    return scaled


def recalibrated(quantiles: FloatArray, recent: FloatArray) -> FloatArray:
    """The quantiles of days, moved towards those that recent outcomes had in units of their own forecasts.

    Each quantile is multiplied by the ratio of the empirical quantile of ±outcomes (symmetric, linear) to the
    forecast's, to the power n / (n + 50) for n outcomes: quantiles follow what ranges really held, as in
    conformal prediction (Vovk, Gammerman and Shafer 2005), and stay the model's where little is known.

    Args:
        quantiles: Log returns, symmetric about 0, array of shape (…, 7, 23).
        recent: Outcomes `in_units`, array of shape (…, 7, n), NaN where there is none.

    Returns:
        Array of shape (…, 7, 23), in rising order; each day's is what it is alone.
    """
    moved = quantiles.copy()
    known = np.isfinite(recent)
    counts = known.sum(axis=-1)
    for count in np.unique(counts[counts > 0]):
        at = counts == count
        own, outcomes = quantiles[at], recent[at][known[at]].reshape(-1, count)
        came = np.quantile(np.concatenate([outcomes, -outcomes], axis=1), LEVELS, axis=1).T
        said = own / own[:, UNIT_LEVEL, None]
        comparable = np.isfinite(said) & (said * came > 0)
        ratio = np.divide(came, said, out=np.ones_like(own), where=comparable)
        moved[at] = own * np.clip(ratio, *_RATIO_BOUNDS) ** (count / (count + PRIOR_DAYS))
    return np.maximum.accumulate(moved, axis=-1)


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
