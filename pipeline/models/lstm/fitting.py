"""The fit of `range-lstm`: the regression, the networks on what it leaves, and the calibration."""

from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.errors import TooLittleHistoryError
from pipeline.features.daily import Features
from pipeline.features.day_axis import DayAxis, IntArray
from pipeline.forecasts.quantiles import HORIZONS, FloatArray
from pipeline.models.calibration import in_units, skill_ends_at
from pipeline.models.lstm.ensemble import LearnedRange, with_random_walk
from pipeline.models.lstm.members import NetworkRows, Watch, fit_members
from pipeline.models.lstm.network import network_inputs, scaled_windows
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.models.regression import fit_scaled_range
from pipeline.recipes.ranges import RangeRecipe

BASE_METHOD: Final = "anchored-har"
_SMALLEST_SPREAD: Final = 1e-3


def fit_learned_range(
    recipe: RangeRecipe,
    days: DayAxis,
    features: Features,
    *,
    seed: int,
    watch: Watch,
    later: tuple[DayAxis, Features] | None = None,
) -> LearnedRange:
    """Fit on all days of the axis; its last day is as_of.

    Args:
        recipe: Sizes and the fit.
        days: The candles up to as_of.
        features: Theirs.
        seed: Of weights and order.
        watch: Time limit and listener.
        later: The same series with days after as_of, whose loss is told as `val_loss`.

    Raises:
        TrainingError: A fit diverged or ran past its limit.
    """
    inputs = network_inputs(features)
    known = np.isfinite(inputs).all(axis=1) & np.isfinite(days.log_returns_ahead(1))
    centre = inputs[known].mean(axis=0)
    spread = np.maximum(inputs[known].std(axis=0), _SMALLEST_SPREAD)
    recent, random_walk_from = calibrate(days, features, held_back_days=recipe.held_back_days)
    untrained = LearnedRange(
        base_=fit_scaled_range(BASE_METHOD, days, features, last=len(days.number) - 1),
        members_=(),
        centre_=centre,
        spread_=spread,
        fitted_on_=int(days.number[-1]),
        recent_=recent,
        random_walk_from_=random_walk_from,
        lookback=recipe.lookback,
    )
    rows = _rows(untrained, days, features, half_life_days=recipe.half_life_days)
    if later is not None:
        unseen = _rows(untrained, *later, first=len(days.number))
        watch = replace(watch, rows=unseen if len(unseen.windows) else None)
    members = fit_members(recipe, rows, untrained.base_.shape_, seed=seed, watch=watch)
    return replace(untrained, members_=members)


def calibrate(days: DayAxis, features: Features, *, held_back_days: int) -> tuple[FloatArray, int | None]:
    """What the newest days held in units of what was forecast for them, and where skill ends.

    The regression alone stands in for the whole model: it is fitted again on the days before the held-back
    ones, which costs milliseconds, while the networks keep all days to learn from.

    Args:
        days: The candles up to as_of.
        features: Theirs.
        held_back_days: How many of the newest days.

    Returns:
        Array of shape (held_back_days, 7), and 2 … 7 or None. NaN and None where too little lies before the
        held-back days.
    """
    recent = np.full((held_back_days, len(HORIZONS)), np.nan)
    start = len(days.number) - held_back_days
    try:
        earlier = fit_scaled_range(BASE_METHOD, days, features, last=start - 1)
    except TooLittleHistoryError:
        return recent, None
    places = start + np.flatnonzero(days.observed[start:])
    actual = days.outcomes[places]
    quantiles = earlier.quantiles(days, features, places)
    recent[places - start] = in_units(actual, quantiles)
    walk = random_walk_quantiles(days, places)
    published = with_random_walk(quantiles, walk, start=None)
    return recent, skill_ends_at(actual, published, walk)


def _rows(
    model: LearnedRange,
    days: DayAxis,
    features: Features,
    *,
    first: int = 0,
    half_life_days: float = np.inf,
) -> NetworkRows:
    """The days from place `first` that have a whole window and an outcome."""
    windows = scaled_windows(network_inputs(features), model.centre_, model.spread_, lookback=model.lookback)
    whole = np.isfinite(windows).all(axis=(1, 2)) & np.isfinite(days.log_returns_ahead(1))
    places = first + np.flatnonzero(whole[first:])
    deviation = model.base_.deviation(days, features, places)
    outcomes = days.outcomes[places] / deviation
    weights = np.where(np.isfinite(outcomes), _weights(deviation, places, half_life_days), 0.0)
    return NetworkRows(windows[places], np.nan_to_num(outcomes, nan=0.0), weights)


def _weights(deviation: FloatArray, places: IntArray, half_life_days: float) -> FloatArray:
    """√deviation, between counting days alike and counting returns alike, halved with age; mean 1."""
    age = (places.max(initial=0) - places)[:, None] / half_life_days
    weights = np.sqrt(deviation) * 0.5**age
    scaled: FloatArray = weights / np.maximum(weights.sum(axis=0) / max(len(places), 1), 1e-300)
    return scaled
