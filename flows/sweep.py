"""The flow `sweep`: variations of a recipe, chosen on validation rows, the chosen one judged on test rows once."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from flows.edges.configuration import Configuration, configuration
from flows.edges.files.recipe_files import named_recipe
from flows.edges.tracking.experiments import open_tracking
from flows.edges.tracking.run import Run
from flows.inputs.history import History, history_of
from flows.reporting.artifacts import show_table
from flows.reporting.progress import log, watcher
from flows.studies.comparison_report import Failure
from flows.studies.sweep_runs import (
    AS_GIVEN,
    CHOSEN,
    SCORE,
    Sweep,
    compared_days,
    parent_run,
    require_one_choice,
    tried_before,
)
from flows.tasks import studies
from flows.tasks.flow_policy import flow
from pipeline.errors import InputError, TooLittleHistoryError, TrainingError
from pipeline.figures.texts import effect_figure
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.point.framing import Cut, frame
from pipeline.point.sweeping import (
    Sampler,
    Tried,
    best,
    cut_of,
    days_of_part,
    framed_apart,
    name_of,
    next_settings,
)
from pipeline.point.variation import grid, parse_vary, variation
from pipeline.recipes.point import PointRecipe


class SweepRequest(BaseModel):
    """What to sweep.

    Attributes:
        recipe: Name of a point recipe, or a path ending in .toml.
        vary: Settings with their values, as `window=3,7,14`.
        file: Candle file; None reads the series' newest snapshot.
        series: What the candles are; None lets the file tell.
        as_of: Later candles are left out.
        sampler: `grid` tries all in order, `tpe` lets Optuna choose.
        trials: At most so many variations; None tries all.
        seed: Of every fit and of the sampler.
        epochs: Instead of the recipe's, for a quick look.
        validation: Fraction of the training windows, the newest, to choose by.
        time_limit_s: Seconds for each fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    vary: tuple[str, ...] = Field(min_length=1)
    file: str | None = None
    series: str | None = None
    as_of: date | None = None
    sampler: Sampler = "grid"
    trials: int | None = Field(default=None, ge=1)
    seed: int = Field(default=1, ge=0, le=LARGEST_SEED)
    epochs: int | None = Field(default=None, ge=1)
    validation: float = Field(default=0.15, gt=0, lt=1)
    time_limit_s: float | None = Field(default=None, gt=0)


@flow(name="sweep")
def sweep(request: SweepRequest) -> dict[str, Any]:
    """Try variations, choose by validation, judge the chosen and the given recipe on the test rows once.

    The same request goes on where an earlier one was cut off, and repeats no fit.

    Returns:
        Every trial and the two judged as JSON values; which of the two failed is in `failed`.

    Raises:
        InputError: A setting, the recipe, the file or the series is not usable, or the sweep was judged already
            after fewer trials.
        TrainingError: Every variation failed.
    """
    plan = plan_sweep(request, configuration())
    total = min(request.trials or len(grid(plan.vary)), len(grid(plan.vary)))
    require_one_choice(plan, trials=total)
    with parent_run(plan) as parent:
        tried = _try_all(plan, parent, total=total)
        chosen = best(tried)
        if chosen is None:
            raise TrainingError(
                f"All {len(tried)} variations failed; the first, {tried[0].name}: {tried[0].failure}"
            )
        judged, failed = _judge_both(plan, chosen, parent)
        result = _result(plan, tried, parent) | {"judged": judged, "failed": failed}
        _log(result, tried, parent)
    _publish(result, plan)
    return result


def plan_sweep(request: SweepRequest, current: Configuration) -> Sweep:
    """The request, checked to its last value before anything is fitted.

    Raises:
        InputError: A setting, the recipe, the file or the series is not usable.
    """
    recipe = named_recipe(request.recipe, current.places)
    if not isinstance(recipe, PointRecipe):
        raise InputError(f"{recipe.name} is no point recipe; `coincast recipes list` shows which are.")
    vary = parse_vary(request.vary)
    if request.epochs is not None and "epochs" in vary:
        raise InputError("Give --epochs or --vary epochs=…, not both.")
    epochs = {} if request.epochs is None else {"epochs": request.epochs}
    given = recipe.varied(fitting=epochs)
    varied = given.varied(fitting={"validation": request.validation})
    history = history_of(request, current)
    cut = cut_of(frame(varied, history.grid), validation=request.validation)
    _require_possible(varied, vary, history, cut)
    return Sweep(
        given=given,
        recipe=varied,
        cut=cut,
        days=compared_days(given, framed_apart(varied, vary), history=history, cut=cut),
        vary=vary,
        sampler=request.sampler,
        seed=request.seed,
        time_limit_s=request.time_limit_s,
        history=history,
        experiment=open_tracking(current.places).experiment(history.name),
    )


def _require_possible(
    recipe: PointRecipe, vary: Mapping[str, Sequence[str]], history: History, cut: Cut
) -> None:
    """Frame the recipe with each value, and make every combination of them.

    Raises:
        InputError: A value is none that its setting can have, alone or with the others.
        TooLittleHistoryError: The candles are too few for a value.
    """
    days = history.grid
    for name, values in vary.items():
        for value in values:
            try:
                frame(variation(recipe, {name: value}), days, cut=cut)
            except TooLittleHistoryError as error:
                raise TooLittleHistoryError(f"--vary {name}={value}: {error}") from error
    for settings in grid(vary):
        variation(recipe, settings)


def _try_all(plan: Sweep, parent: Run, *, total: int) -> tuple[Tried, ...]:
    """Everything tried before and now; a variation that diverges does not stop the others."""
    tried = tried_before(plan)
    while len(tried) < total:
        settings = next_settings(plan.vary, tried, sampler=plan.sampler, seed=plan.seed)
        if settings is None:
            break
        watcher.get().stage(plan.history.name, f"trial {len(tried) + 1} of {total}")
        try:
            outcome = studies.try_variation(plan, settings, parent)
        except TrainingError as error:
            outcome = Tried(settings, None, str(error))
        tried = (*tried, outcome)
    return tried


def _judge_both(plan: Sweep, chosen: Tried, parent: Run) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The chosen and the given recipe on the test rows, and why one of them has no score there."""
    judged = []
    failed = []
    for role, settings in ((CHOSEN, chosen.settings), (AS_GIVEN, {})):
        try:
            watcher.get().stage(plan.history.name, f"{role} on the test rows")
            judged.append(studies.judge(plan, role, settings, parent))
        except TrainingError as error:
            log.warning("The recipe %s has no test score: %s", role, error)
            failed.append(vars(Failure(role, str(error))))
    return judged, failed


def _result(plan: Sweep, tried: Sequence[Tried], parent: Run) -> dict[str, Any]:
    cut = plan.cut
    return {
        "series": str(plan.history.series or plan.history.name),
        "source": plan.history.origin,
        "as_of": plan.history.as_of.isoformat(),
        "recipe": plan.given.name,
        "vary": {name: list(values) for name, values in plan.vary.items()},
        "validation": {
            "first": str(cut.validation),
            "before": str(cut.test),
            "days": len(days_of_part(plan.days, cut, "validation")),
        },
        "trials": [
            {"settings": dict(each.settings), SCORE: each.score, "failure": each.failure} for each in tried
        ],
        "mlflow": {
            "run_id": parent.id,
            "url": parent.url,
            "open_with": plan.experiment.tracking.ui_command,
        },
    }


def _log(result: dict[str, Any], tried: Sequence[Tried], parent: Run) -> None:
    """The trials as a table, the effect of each setting as a figure, the result as JSON and in words."""
    rows = _rows(tried)
    scored = pd.DataFrame([row for row in rows if row[SCORE] is not None])
    parent.log_table(rows, "trials")
    parent.log_figure(effect_figure(scored, list(result["vary"]), score=SCORE), "effect")
    parent.log_json(result, "sweep")
    parent.set_note("\n\n".join(_sentences(result)))


def _publish(result: dict[str, Any], plan: Sweep) -> None:
    table = [
        {**trial["settings"], SCORE: "failed" if trial["failure"] else trial[SCORE]}
        for trial in result["trials"]
    ]
    note = "\n\n".join([f"[MLflow run]({result['mlflow']['url']})", *_sentences(result)])
    show_table(f"sweep-{plan.history.name}", table, note)


def _rows(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    return [{**each.settings, SCORE: each.score} for each in tried]


def _sentences(result: dict[str, Any]) -> list[str]:
    judged = [
        f"{each['role']} ({name_of(each['settings'])}): {each['verdict']}; {each['setting']}"
        for each in result["judged"]
    ]
    return judged + [f"Failed: {each['trial']}: {each['reason']}" for each in result["failed"]]
