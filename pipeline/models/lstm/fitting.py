"""The fit of a network recipe: the regression, the networks on what it leaves, and the calibration."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

import numpy as np

from pipeline.errors import TooLittleHistoryError
from pipeline.features.day_axis import IntArray, day_date
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import HORIZONS, FloatArray
from pipeline.models.calibration import in_units, skill_ends_at
from pipeline.models.contract import Watch
from pipeline.models.lstm.ensemble import LearnedRange, Quantiles, with_random_walk
from pipeline.models.lstm.members import NetworkRows, fit_members
from pipeline.models.lstm.network import network_inputs, network_layers, scaled_windows
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.models.regression import AnchoredHar
from pipeline.recipes.ranges import NetworkRecipe

_SMALLEST_SPREAD: Final = 1e-3

LearnedT = TypeVar("LearnedT", bound=LearnedRange[Any])


def fit_learned_range(
    kind: type[LearnedT], recipe: NetworkRecipe, past: FeatureGrid, *, seed: int, watch: Watch
) -> LearnedT:
    """Fit on all days of the grid; its last day is as_of.

    Args:
        kind: What to fit.
        recipe: Of that kind.
        past: The days.
        seed: Of the networks.
        watch: The networks' fits.

    Raises:
        TrainingError: A fit diverged or ran past its limit.
    """
    days = past.days
    inputs = network_inputs(past.features)
    known = np.isfinite(inputs).all(axis=1) & np.isfinite(days.log_returns_ahead(1))
    recent, random_walk_from = calibrate(
        past, held_back_days=recipe.held_back_days, stand_in=lambda earlier: kind.stand_in(recipe, earlier)
    )
    untrained = kind(
        base_=AnchoredHar.learn(past),
        layers_=network_layers(recipe.lookback, recipe.units),
        members_=(),
        centre_=inputs[known].mean(axis=0),
        spread_=np.maximum(inputs[known].std(axis=0), _SMALLEST_SPREAD),
        fitted_on_=int(days.number[-1]),
        recent_=recent,
        random_walk_from_=random_walk_from,
        lookback=recipe.lookback,
        **kind.learned_beside(recipe, past),
    )
    rows = _rows(untrained, past, half_life_days=recipe.half_life_days)
    unseen = _rows(untrained, watch.later, first=len(days.number)) if watch.later else None
    members = fit_members(recipe, rows, untrained.base_.shape_, seed=seed, watch=watch, unseen=unseen)
    return replace(untrained, members_=members)


def calibrate(
    past: FeatureGrid, *, held_back_days: int, stand_in: Callable[[FeatureGrid], Quantiles]
) -> tuple[FloatArray, int | None]:
    """What the newest days held in units of what was forecast for them, and where skill ends.

    Regressions alone stand in for the whole model: they are fitted again on the days before the held-back
    ones, which costs milliseconds, while the networks keep all days to learn from.

    Args:
        past: The days up to as_of.
        held_back_days: How many of the newest days.
        stand_in: Fits on the earlier days what forecasts the newest; symmetric about the last close.

    Returns:
        Array of shape (held_back_days, 7), and 2 … 7 or None. NaN and None where too little lies before the
        held-back days.
    """
    days = past.days
    recent = np.full((held_back_days, len(HORIZONS)), np.nan)
    start = len(days.number) - held_back_days
    try:
        forecast = stand_in(past.until(day_date(int(days.number[start - 1]))))
    except TooLittleHistoryError:
        return recent, None
    places = start + np.flatnonzero(days.observed[start:])
    actual = days.outcomes[places]
    quantiles = forecast(past, places)
    recent[places - start] = in_units(actual, quantiles)
    walk = random_walk_quantiles(days, places)
    published = with_random_walk(quantiles, walk, start=None)
    return recent, skill_ends_at(actual, published, walk)


def _rows(
    model: LearnedRange[Any], grid: FeatureGrid, *, first: int = 0, half_life_days: float = np.inf
) -> NetworkRows:
    """The days from place `first` that have a whole window and an outcome."""
    days, inputs = grid.days, network_inputs(grid.features)
    windows = scaled_windows(inputs, model.centre_, model.spread_, lookback=model.lookback)
    whole = np.isfinite(windows).all(axis=(1, 2)) & np.isfinite(days.log_returns_ahead(1))
    places = first + np.flatnonzero(whole[first:])
    deviation = model.base_.deviation(grid, places)
    outcomes = days.outcomes[places] / deviation
    weights = np.where(np.isfinite(outcomes), _weights(deviation, places, half_life_days), 0.0)
    return NetworkRows(windows[places], np.nan_to_num(outcomes, nan=0.0), weights)


def _weights(deviation: FloatArray, places: IntArray, half_life_days: float) -> FloatArray:
    """√deviation, between counting days alike and counting returns alike, halved with age; mean 1."""
    age = (places.max(initial=0) - places)[:, None] / half_life_days
    weights = np.sqrt(deviation) * 0.5**age
    scaled: FloatArray = weights / np.maximum(weights.sum(axis=0) / max(len(places), 1), 1e-300)
    return scaled
