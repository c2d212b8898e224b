"""What a held-back stretch says about a forecast: how wide it should be, and from where it has no skill."""

from typing import Final

import numpy as np

from pipeline.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.scoring import weighted_interval_score

STRETCHES: Final = np.round(np.linspace(0.8, 1.25, 46), 3)
# The weight of "as fitted": a stretch must earn its place against this many days.
_PRIOR_DAYS: Final = 120.0


def best_stretch(actual: FloatArray, quantiles: FloatArray, deviation: FloatArray) -> FloatArray:
    """Factor on each horizon's quantiles that scores best on the held-back days, drawn towards 1.

    Scores are in units of the deviation, so that one wild week does not decide. The best factor of the days
    is averaged with 1 in the proportion of the days to 120.

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
        outcome = actual[known, column] / unit
        spread = quantiles[known, column] / unit[:, None]
        scores = [weighted_interval_score(outcome, factor * spread).mean() for factor in STRETCHES]
        days = float(known.sum())
        factors[column] = (days * STRETCHES[int(np.argmin(scores))] + _PRIOR_DAYS) / (days + _PRIOR_DAYS)
    return factors


def ordered(quantiles: FloatArray) -> FloatArray:
    """Quantiles in rising order along the last axis of 23; they are never less than the one before."""
    if quantiles.shape[-1] != len(LEVELS):
        raise ValueError(f"the last axis must hold the 23 levels, got {quantiles.shape}")
    return np.maximum.accumulate(quantiles, axis=-1)
