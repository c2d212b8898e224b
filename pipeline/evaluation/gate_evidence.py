"""What a fit and its record are judged on: paired daily scores, their ratios, and how sure those are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.forecasts.quantiles import HORIZONS, FloatArray, interval
from pipeline.scores.common_days import common_cells, on_common_cells
from pipeline.scores.differences import Difference, paired_difference

FEWEST_DAYS: Final = 60
BLOCK_DAYS: Final = 14
DRAWS: Final = 2000
# Rounding alone moves widths by so much.
_STANDSTILL: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of the same days under each forecaster, oldest first; lower is better.

    Each array has the shape (n_days,), in any unit that all share; NaN where a day has no outcome. Days that
    one of them lacks are left out for all. `paired_scores` makes them of the WIS of seven horizons.

    Attributes:
        candidate: The fit that asks to be published.
        random_walk: The baseline.
        har_range: The regression without a network.
        champion: The champion's recipe; None where there is no champion yet.
    """

    candidate: FloatArray
    random_walk: FloatArray
    har_range: FloatArray
    champion: FloatArray | None = None


def paired_scores(
    *,
    candidate: FloatArray,
    random_walk: FloatArray,
    har_range: FloatArray,
    champion: FloatArray | None = None,
) -> Scores:
    """One score a day for each forecaster, of the horizons that all of them have on that day.

    Args:
        candidate: WIS in log returns, array of shape (n_days, 7); NaN where it has no forecast or no outcome is known.
        random_walk: Of the same days.
        har_range: Of the same days.
        champion: Of the same days; None where there is no champion yet.
    """
    given = {"candidate": candidate, "random_walk": random_walk, "har_range": har_range, "champion": champion}
    wis = {name: np.asarray(values, dtype=float) for name, values in given.items() if values is not None}
    return Scores(**{name: daily_scores(values) for name, values in on_common_cells(wis, axes=2).items()})


def daily_scores(wis: FloatArray) -> FloatArray:
    """One score a day: the mean over horizons of WIS / √h, so that a week's doubt does not drown a day's.

    A day whose candle is missing takes one horizon from each of seven days: the others still count, and what is
    not known is not known of any forecaster.

    Args:
        wis: Array of shape (n_days, 7), in log returns; NaN where the outcome is not known.

    Returns:
        Array of shape (n_days,), NaN where none of the seven is known.
    """
    known = np.isfinite(wis)
    total = np.where(known, wis / np.sqrt(HORIZONS), 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def fit_difference(full: FloatArray, judged: FloatArray) -> float:
    """How far the fit on all rows lies from the judged one, in widths of the judged one's 80 % range.

    Mean over the days and horizons that both forecast of the largest difference among the 23 quantiles; 0 is equal,
    NaN without such a day.

    Args:
        full: Log returns of the same days under the fit on all rows, array of shape (n_days, 7, 23).
        judged: The same under the fit on the rows before the judged days.
    """
    known = common_cells(full, judged, axes=2)
    if not known.any():
        return math.nan
    lower, upper = interval(judged, 80)
    widths = np.abs(full - judged).max(axis=-1) / (upper - lower)
    # A choice of all is summed in another order, which moves the last bit.
    return float((widths if known.all() else widths[known]).mean())


def response(quantiles: FloatArray, reference: FloatArray) -> float:
    """How far the ranges follow the market: the slope of their log widths on the reference's, day by day.

    Least squares over the days of the logarithm of the 80 % range's width, meaned over the horizons. 1 moves as
    the reference does, 0 does not move with it; NaN where the reference does not move.

    Args:
        quantiles: Log returns, array of shape (n_days, 7, 23); days with NaN are left out.
        reference: Of `har-range` on the same days.
    """
    ours, theirs = (np.log(-np.subtract(*interval(one, 80))).mean(axis=1) for one in (quantiles, reference))
    known = common_cells(ours, theirs)
    if not known.any():
        return math.nan
    moves = theirs[known] - theirs[known].mean()
    spread = float(moves @ moves)
    return float(ours[known] @ moves) / spread if spread > _STANDSTILL else math.nan


def measured(figure: float) -> str:
    """A figure of days in common, of which there may be none, for a sentence."""
    return "an unknown number of" if math.isnan(figure) else f"{figure:.2f}"


def relative_score(
    scores: FloatArray, others: FloatArray, *, seed: int, block_days: int = BLOCK_DAYS
) -> tuple[float, float]:
    """Mean score over the other's mean, and how sure it is that it is above 1.

    The second is the share of 2,000 circular block bootstrap samples (Politis and Romano 1992; paired days,
    blocks of 14, as a forecast's seven horizons overlap) whose ratio is above 1, ties counted half.

    Args:
        scores: Array of shape (n_days,), finite, oldest first.
        others: The same days.
        seed: Of the sampling.
        block_days: Days drawn together.
    """
    count = len(scores)
    blocks = np.random.default_rng(seed).integers(0, count, (DRAWS, math.ceil(count / block_days)))
    drawn, against = (_block_sums(values, block_days)[blocks].sum(axis=1) for values in (scores, others))
    above = float((drawn > against).mean() + (drawn == against).mean() / 2)
    return float(scores.mean() / others.mean()), above


def common_days(scores: Scores, newest: int) -> Scores:
    """The `newest` days that all have a score of."""
    arrays = {
        name: np.asarray(values, dtype=float) for name, values in vars(scores).items() if values is not None
    }
    together = np.stack(list(arrays.values()))
    # No forecast of a range scores 0: such a day was not scored.
    known = common_cells(*together) & (together > 0).all(axis=0)
    return Scores(**{name: values[known][-newest:] for name, values in arrays.items()})


def score_figures(part: str, scores: Scores, seed: int) -> dict[str, float]:
    """Ratios, how sure each is above 1 (`_sure`), paired differences with their errors, and distances.

    Their names begin with `part`. The differences are told beside the decision, which does not rest on them.
    """
    days = len(scores.candidate)
    figures = {f"{part}_days": float(days)}
    if days < FEWEST_DAYS:
        return figures
    walk, har = scores.random_walk, scores.har_range
    for name, values, others in (
        ("to_random_walk", scores.candidate, walk),
        ("to_har_range", scores.candidate, har),
        ("to_champion", scores.candidate, scores.champion),
        ("champion_to_random_walk", scores.champion, walk),
        ("har_range_to_random_walk", har, walk),
    ):
        if values is not None and others is not None:
            figures[f"{part}_{name}"], figures[f"{part}_{name}_sure"] = relative_score(
                values, others, seed=seed
            )
    for name, others in (("random_walk", walk), ("har_range", har), ("champion", scores.champion)):
        if others is not None:
            found = paired_difference(scores.candidate, others, walk, horizon=max(HORIZONS))
            figures[f"{part}_less_{name}"], figures[f"{part}_less_{name}_error"] = found.value, found.error
    figures[f"{part}_distance_to_har_range"] = _distance(scores.candidate, har)
    if scores.champion is not None:
        figures[f"{part}_distance_to_champion"] = _distance(scores.candidate, scores.champion)
    return figures


def praise(figures: Mapping[str, float], *, champion: str | None) -> str:
    """The record beside the others': ratios and paired differences; one within two standard errors is told as none."""
    days, clauses = figures["record_days"], []
    for name, other in (
        ("random_walk", "the random walk"),
        ("champion", champion),
        ("har_range", "har-range"),
    ):
        if f"record_to_{name}" in figures:
            value, error = figures[f"record_less_{name}"], figures[f"record_less_{name}_error"]
            beside = Difference(value, error, int(days))
            clauses.append(
                f"{figures[f'record_to_{name}']:.3f} of {other}'s ({beside.words}: {beside.figures})"
            )
    return f"On {days:.0f} days of record its score is {', '.join(clauses)}."


def _distance(scores: FloatArray, others: FloatArray) -> float:
    """Mean over days of |ln(score / other)|: 0 for equal forecasts, about 0.02 for like-minded ones."""
    return float(np.abs(np.log(scores / others)).mean())


def _block_sums(values: FloatArray, length: int) -> FloatArray:
    """Sum of the `length` values from each day on, going round at the end; array of the shape of `values`."""
    around = np.concatenate([values, np.resize(values, length - 1)])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(around, length).sum(axis=1))
