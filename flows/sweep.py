"""The flow `sweep`: variations of a recipe, chosen on some days, the chosen one judged on others once."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from flows.edges.configuration import Configuration, configuration
from flows.edges.files.recipe_files import keep_recipe, named_recipe, require_free_name
from flows.edges.tracking.experiments import open_tracking
from flows.edges.tracking.run import Run
from flows.inputs.history import history_of
from flows.reporting.artifacts import show_table
from flows.reporting.progress import log, watcher
from flows.studies.comparison_report import Failure
from flows.studies.point_sweep import PointSweep, point_days
from flows.studies.range_sweep import RangeSweep
from flows.studies.sweep_runs import AS_GIVEN, CHOSEN, Sweep, parent_run, require_one_choice, tried_before
from flows.tasks import studies
from flows.tasks.flow_policy import flow
from pipeline.errors import InputError, TrainingError
from pipeline.evaluation.range_sweeping import (
    check_days,
    checked_vary,
    few_days,
    plan_stretches,
    range_variation,
)
from pipeline.figures.texts import effect_figure
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.point.sweeping import Sampler, Tried, best, name_of, next_settings
from pipeline.point.variation import grid
from pipeline.recipes.point import PointRecipe


class SweepRequest(BaseModel):
    """What to sweep.

    Attributes:
        recipe: Name of a point or range recipe, or a path ending in .toml.
        vary: Settings with their values, as `window=3,7,14`.
        file: Candle file; None reads the series' newest snapshot.
        series: What the candles are; None lets the file tell.
        as_of: Later candles are left out.
        sampler: `grid` tries all in order, `tpe` lets Optuna choose.
        trials: At most so many variations; None tries all.
        seed: Of every fit and of the sampler.
        epochs: Instead of the recipe's, for a quick look.
        validation: Of a point recipe: fraction of the training windows, the newest, to choose by; None for 0.15.
        time_limit_s: Seconds for each fit.
        choose_until: Of a range recipe: the last day whose close a choice may see; the later days judge it.
        first: Of a range recipe: first as_of; None for the first with enough history.
        refit_every: Of a range recipe: days between fits on the refit calendar.
        horizons: Of a range recipe: whose relative WIS is averaged to choose by.
        write: Name of a recipe of your own to write the chosen values to; None writes none.
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
    validation: float | None = Field(default=None, gt=0, lt=1)
    time_limit_s: float | None = Field(default=None, gt=0)
    choose_until: date | None = None
    first: date | None = None
    refit_every: int = Field(default=365, ge=1)
    horizons: tuple[int, ...] = HORIZONS
    write: str | None = None


@flow(name="sweep")
def sweep(request: SweepRequest) -> dict[str, Any]:
    """Try variations, choose, and judge the chosen and the given recipe once on days that chose nothing.

    The same request goes on where an earlier one was cut off, and repeats no fit.

    Returns:
        Every trial and the two judged as JSON values; which of the two failed is in `failed`.

    Raises:
        InputError: A setting, the recipe, the file or the series is not usable, or the sweep was judged already
            after fewer trials.
        TrainingError: Every variation failed.
    """
    current = configuration()
    plan = plan_sweep(request, current)
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
        _log(result, parent)
    if request.write:
        values = plan.variation(chosen.settings).as_values()
        result["written"] = str(keep_recipe(request.write, values=values, places=current.places))
    _publish(result, plan)
    return result


def plan_sweep(request: SweepRequest, current: Configuration) -> Sweep:
    """The request, checked to its last value before anything is fitted.

    Raises:
        InputError: A setting, the recipe, the file or the series is not usable.
    """
    recipe = named_recipe(request.recipe, current.places)
    if request.write:
        require_free_name(request.write, current.places)
    vary = checked_vary(recipe, request.vary)
    check_days(recipe, choose_until=request.choose_until, first=request.first, validation=request.validation)
    if request.epochs is not None and "epochs" in vary:
        raise InputError("Give --epochs or --vary epochs=…, not both.")
    history = history_of(request, current)
    shared: dict[str, Any] = {
        "given": recipe if request.epochs is None else recipe.with_epochs(request.epochs),
        "vary": vary,
        "sampler": request.sampler,
        "seed": request.seed,
        "time_limit_s": request.time_limit_s,
        "history": history,
    }
    days = (_point_days if isinstance(recipe, PointRecipe) else _range_days)(request, shared)
    experiment = open_tracking(current.places).experiment(history.name)
    kind = PointSweep if isinstance(recipe, PointRecipe) else RangeSweep
    return kind(**shared, **days, experiment=experiment)


def _point_days(request: SweepRequest, shared: dict[str, Any]) -> dict[str, Any]:
    validation = 0.15 if request.validation is None else request.validation
    varied = shared["given"].varied(fitting={"validation": validation})
    cut, days = point_days(shared["given"], varied, shared["vary"], shared["history"])
    return {"recipe": varied, "cut": cut, "days": days}


def _range_days(request: SweepRequest, shared: dict[str, Any]) -> dict[str, Any]:
    recipe = shared["given"]
    variations = [range_variation(recipe, settings) for settings in grid(shared["vary"])]
    choosing, judging = plan_stretches(
        shared["history"].features,
        [recipe, *variations],
        first=request.first,
        until=request.choose_until or shared["history"].as_of,
        refit_every=request.refit_every,
        horizons=request.horizons,
    )
    for sentence in few_days(choosing, judging, request.horizons):
        log.warning(sentence)
    return {
        "choosing": choosing,
        "judging": judging,
        "horizons": request.horizons,
        "refit_every": request.refit_every,
    }


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
            watcher.get().stage(plan.history.name, f"{role} on {plan.judged_on}")
            judged.append(studies.judge(plan, role, settings, parent))
        except TrainingError as error:
            log.warning("The recipe %s has no score on %s: %s", role, plan.judged_on, error)
            failed.append(vars(Failure(role, str(error))))
    return judged, failed


def _result(plan: Sweep, tried: Sequence[Tried], parent: Run) -> dict[str, Any]:
    return {
        "series": str(plan.history.series or plan.history.name),
        "source": plan.history.origin,
        "as_of": plan.history.as_of.isoformat(),
        "recipe": plan.given.name,
        "vary": {name: list(values) for name, values in plan.vary.items()},
        "score": plan.score_name,
        "lower_is_better": plan.lower_is_better,
        "validation": plan.validation(),
        "trials": [
            {
                "settings": dict(each.settings),
                plan.score_name: plan.shown(each.score),
                "failure": each.failure,
            }
            for each in tried
        ],
        "mlflow": {
            "run_id": parent.id,
            "url": parent.url,
            "open_with": plan.experiment.tracking.ui_command,
        },
    }


def _log(result: dict[str, Any], parent: Run) -> None:
    """The trials as a table, the effect of each setting as a figure, the result as JSON and in words."""
    score = result["score"]
    rows = [{**trial["settings"], score: trial[score]} for trial in result["trials"]]
    scored = pd.DataFrame([row for row in rows if row[score] is not None])
    parent.log_table(rows, "trials")
    parent.log_figure(effect_figure(scored, list(result["vary"]), score=score), "effect")
    parent.log_json(result, "sweep")
    parent.set_note("\n\n".join(_sentences(result)))


def _publish(result: dict[str, Any], plan: Sweep) -> None:
    score = plan.score_name
    table = [
        {**trial["settings"], score: "failed" if trial["failure"] else trial[score]}
        for trial in result["trials"]
    ]
    note = "\n\n".join([f"[MLflow run]({result['mlflow']['url']})", *_sentences(result)])
    show_table(f"sweep-{plan.history.name}", table, note)


def _sentences(result: dict[str, Any]) -> list[str]:
    judged = [
        f"{each['role']} ({name_of(each['settings'])}): {each['verdict']}; {each['setting']}"
        for each in result["judged"]
    ]
    return judged + [f"Failed: {each['trial']}: {each['reason']}" for each in result["failed"]]
