"""A sweep of a point recipe: chosen on validation rows, judged on the recipe's test rows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

import numpy as np

from flows.edges.tracking.run import Run
from flows.inputs.history import History
from flows.studies.recipe_runs import fit_watched, frame_of, log_outcome, log_recipe, verdict_tags
from flows.studies.sweep_runs import AS_GIVEN, Sweep
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation.comparison import Outcome, outcome_of
from pipeline.evaluation.outcome_days import scored_on
from pipeline.point.framing import Cut, Framing, frame
from pipeline.point.sweeping import cut_of, days_of_part, framed_apart, shared_days, validation_scores
from pipeline.point.variation import Settings, grid, variation
from pipeline.recipes.base import Recipe
from pipeline.recipes.point import PointRecipe
from pipeline.scores.common_days import DayArray
from pipeline.scores.metrics import SKILL

SCORE: Final = f"validation_{SKILL.name}"


@dataclass(frozen=True, eq=False, kw_only=True)
class PointSweep(Sweep):
    """Settings of a point recipe.

    Attributes:
        recipe: As given, with the validation fraction of the sweep: what is varied.
        cut: The days at which every variation's validation and test begin.
        days: The target days that every variation and the recipe as given have: they are scored on these.
    """

    score_name: ClassVar[str] = SCORE
    lower_is_better: ClassVar[bool] = False
    judged_on: ClassVar[str] = "the test rows"

    given: PointRecipe
    recipe: PointRecipe
    cut: Cut
    days: DayArray

    def variation(self, settings: Settings) -> PointRecipe:
        """With the validation fraction of the sweep."""
        return variation(self.recipe, settings)

    def validation(self) -> dict[str, Any]:
        """The newest training windows."""
        days = len(days_of_part(self.days, self.cut, "validation"))
        return {"first": str(self.cut.validation), "before": str(self.cut.test), "days": days}

    def try_one(self, recipe: Recipe, run: Run) -> dict[str, float]:
        """On the validation rows; its curves are logged."""
        framing = frame(cast(PointRecipe, recipe), self.history.grid, cut=self.cut)
        fit = fit_watched(framing, seed=self.seed, time_limit_s=self.time_limit_s)
        for curve, values in fit.history.items():
            run.log_curve(f"epoch_{curve}", values)
        return validation_scores(framing, fit.predicted, days=self.days)

    def judge_one(
        self, role: str, settings: Settings, run: Run
    ) -> tuple[dict[str, float], dict[str, object]]:
        """On the test days that every variation has."""
        framing = self._judged_framing(role, settings)
        log_recipe(run, framing.recipe, seed=self.seed)
        started = time.perf_counter()
        fit = fit_watched(framing, seed=self.seed, time_limit_s=self.time_limit_s)
        outcome = _on_compared_days(outcome_of(fit, seconds=time.perf_counter() - started), self.days)
        log_outcome(run, outcome)
        return dict(outcome.metrics), verdict_tags(outcome)

    def identity(self) -> list[object]:
        """The recipe with its validation fraction."""
        return [self.recipe.digest]

    def _judged_framing(self, role: str, settings: Settings) -> Framing:
        """The given recipe's own frame, as `train` has it; a variation's with all training windows to fit.

        A variation with patience keeps its validation rows out of the fit, for they end it.
        """
        if role == AS_GIVEN:
            return frame_of(self.given, self.history)
        recipe = self.variation(settings)
        stops_early = recipe.fitting.patience is not None
        cut = self.cut if stops_early else Cut(validation=self.cut.test, test=self.cut.test)
        return frame(recipe, self.history.grid, cut=cut)


def point_days(
    given: PointRecipe, varied: PointRecipe, vary: Mapping[str, Sequence[str]], history: History
) -> tuple[Cut, DayArray]:
    """`PointSweep.cut` and `days`, every value framed and every combination made.

    Raises:
        InputError: A value is none that its setting can have, alone or with the others.
        TooLittleHistoryError: The candles are too few for a value, or the variations share no day.
    """
    cut = cut_of(frame(varied, history.grid), validation=varied.fitting.validation)
    for name, values in vary.items():
        for value in values:
            try:
                frame(variation(varied, {name: value}), history.grid, cut=cut)
            except TooLittleHistoryError as error:
                raise TooLittleHistoryError(f"--vary {name}, value {value}: {error}") from error
    for settings in grid(vary):
        variation(varied, settings)
    framings = (frame(one, history.grid, cut=cut) for one in framed_apart(varied, vary))
    return cut, shared_days([frame_of(given, history), *framings], cut=cut)


def _on_compared_days(outcome: Outcome, days: DayArray) -> Outcome:
    """Scored on the test days that every variation has; what was learned from is another matter."""
    learned = outcome.table.loc[outcome.table["part"] == "train", "date"].to_numpy()
    return scored_on(outcome, np.union1d(learned.astype("datetime64[D]"), days))
