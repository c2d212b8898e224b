"""One vocabulary of scores for every point forecast, each beside the random walk on the same days."""

import math

import numpy as np

from pipeline.forecasts.quantiles import FloatArray
from pipeline.point.framing import Framing
from pipeline.scores.common_days import BoolArray, common_cells
from pipeline.scores.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_absolute_scaled_error,
    mean_squared_error,
)


def score_points(
    framing: Framing, predicted: FloatArray, *, chosen: BoolArray | None = None
) -> dict[str, float]:
    """Scores of scaled predictions; what is not defined (a percentage of nothing) is left out.

    `test_days`: how many days the others of the test are on. `test_mse_scaled`, `test_mape_scaled_pct`: in the
    scaler's units, percentages × 100, targets of exactly 0 left out. `test_mse_price`, `test_rmse_price`,
    `test_mae_price`, `test_mape_price_pct`: in quote currency. `test_mase`: MAE / MAE of one-day persistence on the
    training rows. `test_direction_pct`: days whose rise or fall was predicted, of those that rose or fell.
    `skill_vs_random_walk`: 1 − MSE / MSE of the random walk, in price; above 0 is better. `train_mse_scaled`,
    `train_mape_scaled_pct`: on the training targets, fit and validation.

    Args:
        framing: The windows and their truth.
        predicted: Scaled predictions of all windows, shape (n_windows,); NaN where there is none.
        chosen: Windows that are scored, shape (n_windows,); None for all that have a prediction.
    """
    test = framing.parts.test
    known = _known(predicted, chosen)
    prices = _price_scores(framing, framing.to_price(predicted[test], test), known[test])
    return prices | _scaled_scores(framing, predicted, known)


def score_random_walk(framing: Framing, *, chosen: BoolArray | None = None) -> dict[str, float]:
    """The same scores of the last close; it has no direction, and its skill is 0 by definition."""
    everything = framing.random_walk(slice(0, framing.parts.test.stop))
    test, known = framing.parts.test, _known(everything, chosen)
    prices = _price_scores(framing, framing.last_closes[test], known[test])
    return prices | _scaled_scores(framing, everything, known)


def _known(predicted: FloatArray, chosen: BoolArray | None) -> BoolArray:
    known = common_cells(predicted)
    return known if chosen is None else known & chosen


def _price_scores(framing: Framing, predicted: FloatArray, known: BoolArray) -> dict[str, float]:
    """The scores in quote currency of predictions for the test windows, arrays of shape (n_test,)."""
    test = framing.parts.test
    actual, last, predicted = framing.closes[test][known], framing.last_closes[test][known], predicted[known]
    squared = mean_squared_error(actual, predicted)
    return _defined(
        {
            "test_days": float(known.sum()),
            "test_mse_price": squared,
            "test_rmse_price": math.sqrt(squared),
            "test_mae_price": mean_absolute_error(actual, predicted),
            "test_mape_price_pct": 100 * mean_absolute_percentage_error(actual, predicted),
            "test_mase": mean_absolute_scaled_error(actual, predicted, scale=framing.persistence),
            "test_direction_pct": 100 * direction_hits(actual, predicted, last),
            "skill_vs_random_walk": skill(squared, mean_squared_error(actual, last)),
        }
    )


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


def _scaled_scores(framing: Framing, predicted: FloatArray, known: BoolArray) -> dict[str, float]:
    test, training = framing.parts.test, slice(0, framing.parts.test.start)
    scores = {}
    for name, part in (("test", test), ("train", training)):
        actual, said = framing.targets[part][known[part]], predicted[part][known[part]]
        scores[f"{name}_mse_scaled"] = mean_squared_error(actual, said)
        error = mean_absolute_percentage_error(actual, said)
        scores[f"{name}_mape_scaled_pct"] = 100 * error
    return _defined(scores)


def _defined(scores: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if math.isfinite(value)}
