"""How far a share, a ratio or a mean can be trusted: intervals and critical values.

Closed forms, because `scipy.stats` takes longer to import than a scorecard may take to answer; the tests hold
them against it.
"""

import math
from functools import cache
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from pipeline.forecasts.quantiles import FloatArray

CONFIDENCE: Final = 0.95


class Interval(NamedTuple):
    """Both ends of a confidence interval; NaN where nothing can be said."""

    lower: float
    upper: float


class RatioPath(NamedTuple):
    """Ratio of two running means with its interval, arrays of shape (n,)."""

    ratio: FloatArray
    lower: FloatArray
    upper: FloatArray


def wilson_interval(share: float, trials: float, *, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a share (Wilson 1927).

    Args:
        share: Successes over trials, between 0 and 1.
        trials: Independent trials; a fraction where overlapping ones count for less than one each.
        confidence: Probability that such intervals cover the true share.
    """
    if trials <= 0:
        return Interval(math.nan, math.nan)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    return Interval(max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def ratio_path(
    loss: FloatArray, baseline: FloatArray, *, horizon: int, confidence: float = CONFIDENCE
) -> RatioPath:
    """Mean loss over mean baseline loss of the first 1, 2, … n days, each with its interval.

    Delta method: with R the ratio and eᵢ = lossᵢ − R·baselineᵢ, the variance of R is that of mean(e) (Newey and
    West 1987, h − 1 lags) over the squared mean of the baseline.

    Args:
        loss: Array of shape (n,) in time order, all finite.
        baseline: Array of shape (n,), not negative, of the same days.
        horizon: Steps ahead of the forecasts: forecasts of h steps overlap on h − 1 days.
        confidence: Probability that such intervals cover the true ratio.

    Returns:
        Arrays of shape (n,); all NaN while the baseline has no loss, the bounds also at the first day and where
        the variance is not positive.
    """
    count = np.arange(1, len(loss) + 1)
    reference = np.cumsum(baseline)
    reference = np.where(reference > 0, reference, np.nan)
    ratio = np.cumsum(loss) / reference
    variance = np.zeros(len(loss))
    for lag in range(min(horizon, len(loss))):
        weight = 1.0 if lag == 0 else 2 * (1 - lag / horizon)
        variance += weight * _running_products(loss, baseline, ratio, lag) / count
    usable = (variance > 0) & (count > 1)
    spread = np.sqrt(np.where(usable, variance, np.nan) / count) / (reference / count)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * spread
    return RatioPath(ratio, ratio - half, ratio + half)


def _running_products(loss: FloatArray, baseline: FloatArray, ratio: FloatArray, lag: int) -> FloatArray:
    """Σ eᵢ·eᵢ₋ₖ over the first 1, 2, … n days, with each prefix's own ratio in its e."""

    def products(left: FloatArray, right: FloatArray) -> FloatArray:
        sums = np.zeros(len(left))
        sums[lag:] = np.cumsum(left[lag:] * right[: len(right) - lag])
        return sums

    mixed = products(loss, baseline) + products(baseline, loss)
    return products(loss, loss) - ratio * mixed + ratio**2 * products(baseline, baseline)


@cache
def binomial_bounds(trials: int, share: float, *, level: float) -> tuple[int, int]:
    """Fewest and most successes that are not surprising: each side is left with probability < level / 2.

    Exact tails of the binomial distribution.

    Example:
        >>> binomial_bounds(60, 0.8, level=0.001)
        (37, 57)
    """
    mass = [math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(trials + 1)]
    return _tail_end(mass, level / 2), trials - _tail_end(mass[::-1], level / 2)


def _tail_end(mass: list[float], level: float) -> int:
    """First index whose tail, itself included, is not below `level`."""
    tail = 0.0
    for index, part in enumerate(mass):
        tail += part
        if tail >= level:
            return index
    return len(mass)


@cache
def student_critical(level: float, freedom: int) -> float:
    """Value that Student's t with `freedom` (30 or more) degrees exceeds with probability `level`.

    Expansion in 1 / freedom around the normal quantile (Abramowitz and Stegun 1964, 26.7.5).
    """
    z = NormalDist().inv_cdf(1 - level)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def cautious_t(values: FloatArray, window: int) -> FloatArray:
    """T statistic of the mean of each trailing window, the smaller of the plain and the skewness-corrected one.

    Differences of scores are skewed and fat-tailed: the plain t claims too much where the tail is on the left,
    Hall's transformation (Hall 1992) where both tails are fat. Their minimum is safe in either case.

    Args:
        values: Array of shape (n,).
        window: Values in a window, 2 or more.

    Returns:
        Array of shape (n − window + 1,); 0 where a window has no spread.
    """
    windows = np.lib.stride_tricks.sliding_window_view(values, window)
    mean = windows.mean(axis=1)
    centred = windows - mean[:, None]
    deviation = np.sqrt((centred**2).mean(axis=1))
    flat = deviation <= 1e-12 * np.abs(windows).max(axis=1)
    safe = np.where(flat, 1.0, deviation)
    skewness = np.where(flat, 0.0, (centred**3).mean(axis=1)) / safe**3
    plain = np.where(flat, 0.0, mean) / safe
    corrected = plain + skewness * plain**2 / 3 + skewness**2 * plain**3 / 27 + skewness / (6 * window)
    return math.sqrt(window - 1) * np.minimum(plain, np.where(flat, 0.0, corrected))
