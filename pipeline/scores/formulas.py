"""Formulas that forecasts are scored by; the metrics that are made of them are in `metrics`."""

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.candles.columns import CLOSE, FILLED, SEGMENT
from pipeline.forecasts.quantiles import LEVELS, FloatArray, interval
from pipeline.scores.common_days import common_cells

if TYPE_CHECKING:
    from pandas import DataFrame

# With fewer days the variance of their differences is a guess, and t may be a hundred.
FEWEST_TESTED: Final = 30


class DieboldMariano(NamedTuple):
    """Test of equal accuracy: `t` above 0 says that the second loss is the larger one."""

    t: float
    p: float


def pinball_loss(actual: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Pinball (quantile) loss of each level; lower is better.

    `max(τ·(y − q), (τ − 1)·(y − q))` (Koenker and Bassett 1978), in the unit of y.

    Args:
        actual: Array of shape (...), NaN where there is no outcome.
        quantiles: Array of shape (..., 23) in the order of `LEVELS`.

    Returns:
        Array of shape (..., 23); NaN where the outcome is NaN.
    """
    levels = np.array(LEVELS)
    error = np.asarray(actual)[..., None] - quantiles
    return np.maximum(levels * error, (levels - 1) * error)


def weighted_interval_score(actual: FloatArray, quantiles: FloatArray) -> FloatArray:
    """WIS of each forecast: 2 × mean over the 23 levels of the pinball loss; lower is better, 0 is perfect.

    Equal to the weighted interval score of Bracher et al. (2021) over the median and the eleven central
    ranges. The unit is that of y; coincast scores log returns.

    Args:
        actual: Array of shape (...), NaN where there is no outcome.
        quantiles: Array of shape (..., 23).

    Returns:
        Array of shape (...); NaN where the outcome is NaN.
    """
    score: FloatArray = 2 * pinball_loss(actual, quantiles).mean(axis=-1)
    return score


def relative_wis(scores: FloatArray, baseline: FloatArray) -> float:
    """Mean WIS over the baseline's mean WIS on the days that both have; 1 is no skill, lower is better.

    NaN where no day is common or the baseline's mean is 0.
    """
    common = common_cells(scores, baseline)
    reference = float(baseline[common].mean()) if common.any() else 0.0
    return float(scores[common].mean()) / reference if reference > 0 else math.nan


def relative_wis_over_horizons(scores: FloatArray, baseline: FloatArray, horizons: FloatArray) -> float:
    """Σ WIS / √horizon over that of the baseline: a far day's doubt does not drown a near one's.

    Args:
        scores: Array of shape (n,).
        baseline: Of the same forecasts, all known.
        horizons: Days ahead of each.

    Returns:
        1 is no skill, lower is better; NaN where the baseline's sum is 0 or a score is not known.
    """
    own, walk = (float(np.sum(values / np.sqrt(horizons))) for values in (scores, baseline))
    return own / walk if walk > 0 and math.isfinite(own) else math.nan


def coverage(actual: FloatArray, quantiles: FloatArray, percent: int) -> float:
    """Fraction of outcomes inside the central `percent` range, both ends included; best at percent / 100.

    Outcomes without a forecast are left out; NaN where nothing is left.
    """
    lower, upper = interval(quantiles, percent)
    known = common_cells(actual, lower, upper, axes=np.ndim(actual))
    inside = (actual >= lower) & (actual <= upper)
    return float(inside[known].mean()) if known.any() else math.nan


def probability_integral_transform(actual: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Level at which each outcome fell, linear between the 23 quantiles; uniform when calibrated.

    Outcomes outside the outermost quantiles get half the tail's level (0.005 or 0.995).

    Args:
        actual: Array of shape (n,), NaN where there is no outcome.
        quantiles: Array of shape (n, 23), NaN where there is no forecast.

    Returns:
        Array of shape (n,), NaN where there is no outcome or no forecast.
    """
    tail = LEVELS[0] / 2
    pairs = zip(actual, quantiles, strict=True)
    fallen = np.array([np.interp(y, row, LEVELS, left=tail, right=1 - tail) for y, row in pairs], dtype=float)
    return np.where(common_cells(actual, quantiles), fallen, np.nan)


def diebold_mariano(
    loss: FloatArray, baseline_loss: FloatArray, *, horizon: int = 1, fewest: int = 2
) -> DieboldMariano:
    """Diebold–Mariano test that two losses have the same mean, Newey–West variance with h − 1 lags.

    `t = mean(d) / standard_error(d)`, d = baseline_loss − loss (Diebold and Mariano 1995). p is two-sided, of the
    normal distribution.

    Args:
        loss: Array of shape (n,) in time order, NaN where there is none.
        baseline_loss: Array of shape (n,) on the same days.
        horizon: Steps ahead of the forecasts, 1 or more.
        fewest: Common days below which nothing is tested; what is told of a record asks `FEWEST_TESTED`.

    Returns:
        t above 0 where `loss` is the lower one. Both NaN with too few common days or no spread.
    """
    difference = np.asarray(baseline_loss) - np.asarray(loss)
    difference = difference[np.isfinite(difference)]
    error = standard_error(difference, horizon=horizon) if len(difference) >= fewest else math.nan
    if math.isnan(error):
        return DieboldMariano(math.nan, math.nan)
    t = float(difference.mean()) / error
    return DieboldMariano(t, math.erfc(abs(t) / math.sqrt(2)))


def p_in_words(p: float) -> str:
    """As `p = 0.012`; what is smaller than a test of this kind can tell apart is `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def standard_error(values: FloatArray, *, horizon: int) -> float:
    """Of a mean, `sqrt(V / n)` with V = γ₀ + 2 Σₖ (1 − k/h) γₖ for k < h (Newey and West 1987).

    Args:
        values: Array of shape (n,) in time order, all finite.
        horizon: Steps ahead of the forecasts that they are of, 1 or more.

    Returns:
        In the unit of the values; NaN with fewer than two or no spread.
    """
    count = len(values)
    if count < 2:
        return math.nan
    centred = values - values.mean()
    variance = float(centred @ centred) / count
    for lag in range(1, min(horizon, count)):
        variance += 2 * (1 - lag / horizon) * float(centred[lag:] @ centred[:-lag]) / count
    return math.sqrt(variance / count) if variance > 0 else math.nan


def mean_squared_error(actual: FloatArray, predicted: FloatArray) -> float:
    """Mean of (y − ŷ)², in the unit of y squared; lower is better, NaN without an outcome."""
    return mean((np.asarray(actual) - predicted) ** 2)


def mean_absolute_error(actual: FloatArray, predicted: FloatArray) -> float:
    """Mean of |y − ŷ|, in the unit of y; lower is better, NaN without an outcome."""
    return mean(np.abs(np.asarray(actual) - predicted))


def mean_absolute_scaled_error(actual: FloatArray, predicted: FloatArray, *, scale: float) -> float:
    """MAE over `scale`, the MAE of one-day persistence on the training rows (Hyndman and Koehler 2006).

    No unit; below 1 is better than persistence was in training; NaN where the scale is 0.
    """
    return mean_absolute_error(actual, predicted) / scale if scale > 0 else math.nan


def one_day_persistence(training: "DataFrame") -> float:
    """Mean absolute change of the close from one row to the next, the scale of MASE.

    Changes of filled days and across a hole between segments are left out.
    """
    changes = training[CLOSE].diff().abs()
    if FILLED in training:
        changes = changes[~training[FILLED] & (training[SEGMENT].diff() == 0)]
    return float(changes.mean())


def mean_absolute_percentage_error(actual: FloatArray, predicted: FloatArray) -> float:
    """Mean of |(y − ŷ) / y| as a fraction (0.01 is one percent); lower is better.

    Outcomes of exactly 0 are left out; NaN where nothing is left.
    """
    actual = np.asarray(actual, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.abs((actual - predicted) / actual)
    return mean(np.where(actual == 0, np.nan, relative))


def skill(squared: float, baseline: float) -> float:
    """1 − MSE / MSE of the random walk on the same days: above 0 is better, 1 is perfect.

    NaN where the price stood still.
    """
    return 1 - squared / baseline if baseline > 0 else math.nan


def direction_hits(actual: FloatArray, predicted: FloatArray, last: FloatArray) -> float:
    """Fraction of rising and falling days that were predicted to rise and to fall; best at 1.

    Days without a forecast are left out. NaN for a forecast that never leaves the last close, and where the price
    never moved.
    """
    known = common_cells(actual, predicted, last)
    actual, predicted, last = actual[known], predicted[known], last[known]
    moved = actual != last
    if not moved.any() or (predicted == last).all():
        return math.nan
    return float(np.mean(np.sign(predicted - last)[moved] == np.sign(actual - last)[moved]))


def mean(values: FloatArray) -> float:
    """Of those that are known; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
