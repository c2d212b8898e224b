"""The flow `compare`: recipes and seeds on the same candles, ranked beside the random walk."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flows.edges.configuration import configuration
from flows.edges.files.recipe_files import named_recipes
from flows.edges.tracking.experiments import Experiment, open_tracking
from flows.edges.tracking.run import Run
from flows.inputs.arguments import require_pooled
from flows.inputs.history import History, history_of, with_others
from flows.studies.comparison_report import Failure, Report, log_report, publish_artifact
from flows.studies.recipe_runs import (
    Judged,
    Trial,
    frame_of,
    log_common_days,
    log_outcome,
    study_run,
)
from flows.tasks import studies
from flows.tasks.flow_policy import flow
from pipeline.errors import InputError, TooLittleHistoryError, TrainingError
from pipeline.evaluation.comparison import RANDOM_WALK, Outcome, random_walk_of
from pipeline.evaluation.holdout import require_days
from pipeline.evaluation.outcome_days import on_common_days
from pipeline.evaluation.together import rank_together
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.models.registry import is_seeded, require_installed
from pipeline.point.framing import AS_WRITTEN, LEAK_FREE
from pipeline.recipes.base import Recipe
from pipeline.recipes.point import PointRecipe
from pipeline.recipes.points import GUIDE_LSTM


class CompareRequest(BaseModel):
    """What to compare.

    Attributes:
        recipes: Names, or paths ending in .toml; the random walk is always there.
        file: Candle file; None reads the series' newest snapshot.
        series: What the candles are; None lets the file tell.
        beside: Candle files or series whose newest snapshot is read: a pooled recipe learns from them too.
        as_of: Later candles are left out.
        seeds: Each recipe is fitted with 1 … seeds.
        epochs: Instead of the recipes', for a quick look.
        as_written: Also fit each recipe with its text's leaks.
        time_limit_s: Seconds for each fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipes: tuple[str, ...] = Field(min_length=1)
    file: str | None = None
    series: str | None = None
    beside: tuple[str, ...] = ()
    as_of: date | None = None
    seeds: int = Field(default=3, ge=1, le=LARGEST_SEED)
    epochs: int | None = Field(default=None, ge=1)
    as_written: bool = False
    time_limit_s: float | None = Field(default=None, gt=0)


@flow(name="compare")
def compare(request: CompareRequest) -> dict[str, Any]:
    """Fit every recipe and seed, rank them, and keep the comparison in MLflow and as a Prefect artifact.

    Returns:
        The leaderboards as JSON values, `tables` by variant and setting; what failed is in `failed`.

    Raises:
        InputError: A recipe, the file or the series is not usable and nothing was fitted, or the fits share no day.
        TrainingError: Every fit failed.
    """
    current = configuration()
    named = named_recipes(request.recipes, current.places)
    recipes = tuple(one.with_epochs(request.epochs) if request.epochs else one for one in named)
    require_pooled(recipes, request.beside)
    trials = plan_trials(request, recipes)
    history = with_others(history_of(request, current), request.beside, current)
    require_enough(trials, history)
    experiment = open_tracking(current.places).experiment(history.name)
    name = f"compare {', '.join(recipe.name for recipe in recipes)} {history.as_of}"
    with study_run(experiment, name, history, tags={"kind": "compare"}) as parent:
        judged, failed = _fit_all(trials, history, experiment, parent)
        walks = _walks(judged) or (random_walk_of(frame_of(GUIDE_LSTM, history)),)
        outcomes = on_common_days([*(each.outcome for each in judged), *walks])
        require_common_day(outcomes)
        log_common_days(judged, outcomes[: len(judged)])
        _track_walks(outcomes[len(judged) :], history, experiment, parent)
        report = Report(
            history=history,
            outcomes=outcomes,
            failed=failed,
            run=parent,
            experiment=experiment,
        )
        log_report(report, recipes=recipes)
    publish_artifact(report, name="compare")
    return report.as_values()


def plan_trials(request: CompareRequest, recipes: Sequence[Recipe]) -> tuple[Trial, ...]:
    """Every recipe and seed, leak-free and, where it is asked for and the text leaks, as written.

    Raises:
        InputError: As written is asked for, and no text among them leaks.
    """
    trials = []
    for recipe in recipes:
        require_installed(recipe)
        if recipe.name == RANDOM_WALK:
            continue
        leaks = request.as_written and recipe.tells_a_leak
        seeds = range(1, request.seeds + 1) if is_seeded(recipe) else (1,)
        for variant in (LEAK_FREE, AS_WRITTEN) if leaks else (LEAK_FREE,):
            trials += [Trial(recipe, variant, seed, request.time_limit_s) for seed in seeds]
    if request.as_written and not any(trial.variant == AS_WRITTEN for trial in trials):
        raise InputError(
            "None of these recipes has a text that leaks; --as-written is for article-lstm and its like."
        )
    return tuple(trials)


def require_enough(trials: Sequence[Trial], history: History) -> None:
    """Frame every recipe, so that one which cannot be fitted is told before the first fit.

    Raises:
        InputError: The candles are too few for a recipe, or tell no column that it needs.
    """
    for trial in {(trial.recipe.name, trial.variant): trial for trial in trials}.values():
        try:
            if isinstance(trial.recipe, PointRecipe):
                frame_of(trial.recipe, history, variant=trial.variant)
            else:
                require_days(history.grid)
        except TooLittleHistoryError as error:
            raise TooLittleHistoryError(f"{trial.recipe.name}: {error}") from error


def require_common_day(outcomes: Sequence[Outcome]) -> None:
    """Refuse to rank what shares no day.

    Raises:
        InputError: No recipe has a forecast of a day that the others have too.
    """
    ranked = {place.recipe for place in rank_together(outcomes).places}
    asked = {outcome.recipe for outcome in outcomes}
    if not ranked or (ranked == {RANDOM_WALK} and asked != ranked):
        raise InputError(
            "No day has a forecast by every recipe, so nothing can be ranked: expected days in common among their test"
            " days, got none. Compare recipes with shorter windows, or use a file with fewer holes."
        )


def _fit_all(
    trials: Sequence[Trial], history: History, experiment: Experiment, parent: Run
) -> tuple[list[Judged], tuple[Failure, ...]]:
    """What was fitted and what failed; one failure does not stop the others, but all do."""
    judged = []
    failed = []
    for trial in trials:
        try:
            judged.append(studies.fit_trial(trial, history, experiment=experiment, parent=parent))
        except TrainingError as error:
            failed.append(Failure(trial.name, str(error)))
    if failed and not judged:
        raise TrainingError(
            f"All {len(failed)} fits failed; the first, {failed[0].trial}: {failed[0].reason}"
        )
    return judged, tuple(failed)


def _walks(judged: Sequence[Judged]) -> tuple[Outcome, ...]:
    """The random walk of each setting, once."""
    walks = (each.random_walk for each in judged)
    return tuple({(walk.variant, walk.setting): walk for walk in walks}.values())


def _track_walks(walks: Sequence[Outcome], history: History, experiment: Experiment, parent: Run) -> None:
    """A run for the random walk of each setting: the days and units of some of the recipes."""
    for walk in walks:
        tags = {"recipe": RANDOM_WALK, "variant": walk.variant, "kind": "trial"}
        with study_run(experiment, walk.label, history, tags=tags, parent=parent) as run:
            log_outcome(run, walk)
