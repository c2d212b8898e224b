"""The fit of `range-lstm`: HAR, the networks on what it leaves, and the calibration."""

import numpy as np

from pipeline.baselines import ScaledRange, fit_scaled_range
from pipeline.calibration import best_stretch
from pipeline.day_axis import BoolArray, DayAxis
from pipeline.features import Features
from pipeline.learned_range import LearnedRange
from pipeline.quantiles import HORIZONS, FloatArray
from pipeline.range_network import fit_member, network_inputs, windows
from pipeline.recipes.ranges import RangeRecipe
from pipeline.training import EpochListener


def fit_learned_range(
    recipe: RangeRecipe,
    days: DayAxis,
    features: Features,
    *,
    seed: int,
    time_limit_s: float | None,
    on_epoch: EpochListener | None,
) -> LearnedRange:
    """Fit on all days of the axis but the newest `held_back_days`, which calibrate.

    Raises:
        TrainingError: A fit diverged or ran past its limit.
    """
    base = fit_scaled_range("har-range", days, features, last=len(days.number) - 1)
    inputs = network_inputs(features)
    outcomes = outcomes_known_at_end(days)
    usable = np.isfinite(windows(inputs, recipe.lookback)).all(axis=(1, 2)) & np.isfinite(outcomes[:, 0])
    places = np.arange(len(days.number))
    deviation = np.exp(base.log_deviation(days, features, places))
    centre, spread = inputs[usable].mean(axis=0), np.maximum(inputs[usable].std(axis=0), 1e-6)
    scaled = windows((inputs - centre) / spread, recipe.lookback)[usable]
    members = tuple(
        tuple(
            fit_member(
                recipe,
                (scaled, (outcomes / deviation)[usable]),
                base.shape_,
                seed=seed + number,
                time_limit_s=time_limit_s,
                on_epoch=on_epoch,
            )
        )
        for number in range(recipe.members)
    )
    learned = LearnedRange(base, members, centre, spread, np.ones(len(HORIZONS)), None, recipe.lookback)
    return _calibrated(learned, base, days, features, held_back=_newest(usable, recipe.held_back_days))


def outcomes_known_at_end(days: DayAxis) -> FloatArray:
    """Log returns ahead of every day, array of shape (n_days, 7), NaN where the axis ends before."""
    return np.stack([days.log_returns_ahead(horizon) for horizon in HORIZONS], axis=1)


def _newest(usable: BoolArray, count: int) -> BoolArray:
    newest = np.zeros(len(usable), dtype=bool)
    newest[np.flatnonzero(usable)[-count:]] = True
    return newest


def _calibrated(
    learned: LearnedRange, base: ScaledRange, days: DayAxis, features: Features, *, held_back: BoolArray
) -> LearnedRange:
    places = np.flatnonzero(held_back)
    quantiles = learned.quantiles(days, features, places)
    deviation = np.exp(base.log_deviation(days, features, places))
    stretch = best_stretch(outcomes_known_at_end(days)[places], quantiles, deviation)
    return LearnedRange(**{**vars(learned), "stretch_": stretch})
