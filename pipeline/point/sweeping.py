"""Which variation of a recipe is tried next, and how one is scored without the test rows."""

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final, Literal

import numpy as np

from pipeline.errors import TooLittleHistoryError
from pipeline.forecasts.quantiles import FloatArray
from pipeline.point.framing import Cut, Framing
from pipeline.point.scores import prices
from pipeline.point.variation import Settings, grid, variation
from pipeline.recipes.point import PointRecipe
from pipeline.scores.common_days import DayArray, chosen_days, common_cells
from pipeline.scores.metrics import VALIDATION, measure
from pipeline.windows.splits import divide

Sampler = Literal["grid", "tpe"]

# Draws that may repeat what was tried before the first untried variation is taken instead.
_DRAWS: Final = 20


@dataclass(frozen=True)
class Tried:
    """A variation and what became of it.

    Attributes:
        settings: What was varied.
        score: On the validation rows, higher is better; None where the fit failed.
        failure: Why it failed; empty where it did not.
    """

    settings: Settings
    score: float | None
    failure: str = ""

    @property
    def name(self) -> str:
        """As `window 3, optimizer sgd`."""
        return name_of(self.settings)


def name_of(settings: Settings) -> str:
    """As `window 3, optimizer sgd`; `as it is` where nothing is varied."""
    return ", ".join(f"{setting} {value}" for setting, value in settings.items()) or "as it is"


def next_settings(
    vary: Mapping[str, Sequence[str]], tried: Sequence[Tried], *, sampler: Sampler, seed: int
) -> Settings | None:
    """The variation to try next, or None where all are tried.

    It follows from what was tried and the seed alone, so an interrupted sweep goes on as it would have.

    Args:
        vary: Settings and their values.
        tried: In the order of trying.
        sampler: `grid` in order, or `tpe`: Optuna's tree-structured Parzen estimator.
        seed: Of the sampler.
    """
    seen = [trial.settings for trial in tried]
    left = [settings for settings in grid(vary) if settings not in seen]
    if not left:
        return None
    return left[0] if sampler == "grid" else _sampled(vary, tried, left, seed=seed)


def cut_of(framing: Framing, *, validation: float) -> Cut:
    """The days at which every variation's validation and test begin: those of the unvaried recipe's frame.

    Args:
        framing: Of the recipe as it is.
        validation: Fraction of its training windows, the newest, to choose by.
    """
    parts = divide(len(framing.dates), training=framing.parts.test.start, validation=validation)
    return Cut(
        validation=framing.dates[parts.validation.start].astype(object),
        test=framing.dates[parts.test.start].astype(object),
    )


def framed_apart(recipe: PointRecipe, vary: Mapping[str, Sequence[str]]) -> tuple[PointRecipe, ...]:
    """A variation for each way of cutting windows; the other settings do not change which days have one."""
    variations = (variation(recipe, settings) for settings in grid(vary))
    return tuple({(one.window, one.target): one for one in variations}.values())


def shared_days(framings: Iterable[Framing], *, cut: Cut) -> DayArray:
    """The target days that each of the frames has: after a hole, a longer window has fewer.

    Raises:
        TooLittleHistoryError: They share no validation day or no test day.
    """
    days: DayArray = reduce(np.intersect1d, (framing.dates for framing in framings))
    for part in ("validation", "test"):
        if not len(days_of_part(days, cut, part)):
            raise TooLittleHistoryError(
                f"The variations have no {part} day in common: holes leave the longest window none. Vary shorter "
                "windows, or use a longer file."
            )
    return days


def days_of_part(days: DayArray, cut: Cut, part: str) -> DayArray:
    """Those of the days that are for `validation` or for the `test`."""
    if part == "test":
        return days[days >= np.datetime64(cut.test)]
    return days[(days >= np.datetime64(cut.validation)) & (days < np.datetime64(cut.test))]


def validation_scores(
    framing: Framing, predicted: FloatArray, *, days: DayArray | None = None
) -> dict[str, float]:
    """Scores in price on the validation windows: the same days and unit for every variation.

    Args:
        framing: The windows and their truth.
        predicted: Scaled predictions of all windows, shape (n_windows,).
        days: Target days that count, as `shared_days` gives them; None for all.

    Returns:
        `validation_days`, how many days the others are on; `validation_mse_price` and
        `validation_skill_vs_random_walk`, absent where they are not defined.
    """
    places, part = np.arange(len(predicted)), framing.parts.validation
    known = common_cells(predicted) & (places >= part.start) & (places < part.stop)
    if days is not None:
        known &= chosen_days(framing.dates, days)
    return measure(
        VALIDATION, prices(framing, framing.to_price(predicted, slice(None)), known), of="validation_"
    )


def best(tried: Sequence[Tried]) -> Tried | None:
    """The highest score, the first of equals; None where every fit failed."""
    scored = [trial for trial in tried if trial.score is not None and math.isfinite(trial.score)]
    return max(scored, key=lambda trial: trial.score or 0.0, default=None)


def _sampled(
    vary: Mapping[str, Sequence[str]], tried: Sequence[Tried], left: Sequence[Settings], *, seed: int
) -> Settings:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    choices: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution(values) for name, values in vary.items()
    }
    sampler = optuna.samplers.TPESampler(seed=zlib.crc32(f"{seed} {len(tried)}".encode()), n_startup_trials=5)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in tried:
        failed = trial.score is None
        state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(trial.settings), distributions=choices, value=trial.score, state=state
            )
        )
    for _ in range(_DRAWS):
        drawn = dict(study.ask(choices).params)
        if drawn in left:
            return drawn
    return left[0]
