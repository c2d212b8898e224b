"""Scores of every point forecast, each beside the random walk on the same days."""

import numpy as np

from pipeline.forecasts.quantiles import FloatArray
from pipeline.point.framing import Framing
from pipeline.scores.common_days import BoolArray, common_cells
from pipeline.scores.metrics import DAYS, PRICE, SCALED, SKILL, measure
from pipeline.scores.scored import Points, Prices


def score_points(
    framing: Framing, predicted: FloatArray, *, chosen: BoolArray | None = None
) -> dict[str, float]:
    """Scores of scaled predictions by their names in the table of metrics; what is not defined is left out.

    Args:
        framing: The windows and their truth.
        predicted: Scaled predictions of all windows, shape (n_windows,); NaN where there is none.
        chosen: Windows that are scored, shape (n_windows,); None for all that have a prediction.
    """
    return _scores(framing, predicted, framing.to_price(predicted, slice(None)), chosen)


def score_random_walk(framing: Framing, *, chosen: BoolArray | None = None) -> dict[str, float]:
    """The same scores of the last close; it has no direction, and its skill is 0 by definition."""
    return _scores(framing, framing.random_walk(slice(None)), framing.last_closes, chosen)


def prices(framing: Framing, predicted: FloatArray, known: BoolArray) -> Prices:
    """Predicted closes beside what came, in quote currency, on the windows that count; arrays of shape (n_windows,)."""
    actual, last = framing.closes[known], framing.last_closes[known]
    return Prices(actual, predicted[known], last, framing.persistence)


def _scores(
    framing: Framing, scaled: FloatArray, predicted: FloatArray, chosen: BoolArray | None
) -> dict[str, float]:
    """Of predictions of all windows in both units; the scores in price are of the test alone."""
    known = common_cells(scaled) if chosen is None else common_cells(scaled) & chosen
    learned_from = np.arange(len(known)) < framing.parts.test.start
    tested = prices(framing, predicted, known & ~learned_from)
    values = measure([DAYS, *PRICE], tested, of="test_") | measure([SKILL], tested)
    for part, rows in (("test_", known & ~learned_from), ("train_", known & learned_from)):
        values |= measure(SCALED, Points(framing.targets[rows], scaled[rows]), of=part)
    return values
