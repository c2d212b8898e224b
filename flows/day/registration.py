"""From a fit to a registered model: the MLflow run, the gate's decision, the version and its aliases."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from expectations.verdict import Verdict
from flows.day.issued_fits import RegisteredFit, checked_forecasts, issued_fits, unregistered
from flows.day.judging import Incumbent, judge_fit
from flows.day.run_log import log_decision, log_fit, model_card, run_tags, version_tags
from flows.edges.configuration import Places
from flows.edges.files.recipe_files import named_recipe
from flows.edges.machine.locks import turns_of
from flows.edges.tracking.aliases import CHAMPION, challenge, is_held, promote_over
from flows.edges.tracking.experiments import tracked_run
from flows.edges.tracking.registry import ModelVersion, RegisteredModel
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.reporting.progress import log
from pipeline.errors import InputError, RegistryError
from pipeline.evaluation.gate import HABIT_FIGURES
from pipeline.evaluation.holdout import Evaluation
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.manifest import Manifest
from pipeline.models.bundle import load_bundle, save_bundle
from pipeline.models.fitting import Model
from pipeline.recipes.base import Recipe

MANIFEST_FILE: Final = "manifest.json"


@dataclass(frozen=True, eq=False)
class Registration:
    """What is issued from, and why.

    Attributes:
        fits: Whose forecasts are issued, each model once: the baselines', the champion's, and the new fit's
            where it is of another recipe, so that its record grows too.
        forecasts: What each of them says of the day, held against the forecasts' contract.
        publish: model_id of the published one.
        reasons: Why, a sentence each.
        figures: The gate's numbers behind them.
        metrics: Of the evaluation.
        run_id: MLflow's run of the new fit.
        run_url: Where it can be looked at.
        judging_seconds: Of the fits that the gate asked for.
    """

    fits: tuple[RegisteredFit, ...]
    forecasts: tuple[Forecast, ...]
    publish: str
    reasons: tuple[str, ...]
    figures: dict[str, float]
    metrics: dict[str, float]
    run_id: str
    run_url: str
    judging_seconds: float


def register_fit(
    job: Job,
    stores: Stores,
    market: Market,
    *,
    verdict: Verdict,
    grid: FeatureGrid,
    fits: tuple[Model, Evaluation],
) -> Registration:
    """Log, judge and register a fit; move the champion where the gate says so.

    Nothing is written before the day's forecasts are made and hold: a day that cannot be issued leaves no version.

    Raises:
        RegistryError: MLflow refused.
    """
    model, evaluation = fits
    registered = RegisteredModel(stores.tracking, job.series, turn=turns_of(job.configuration.places))
    holder = registered.at(CHAMPION)
    replay = holder is not None and holder.tags.get("trained_as_of", "9999") > market.as_of.isoformat()
    # A champion that has seen days after this one must not speak of them, and stays where it is.
    kept = None if holder is None or replay else _usable_fit(registered, holder)
    incumbent = Incumbent(
        recipe=_recipe_of(holder, job.configuration.places) if holder and kept else None,
        version=holder.version if holder else None,
        habit=_habit(registered, job.recipe),
        held=kept is not None and is_held(registered),
    )
    judgement = judge_fit(job, stores, grid, market.as_of, fits=fits, incumbent=incumbent)
    decision = judgement.decision
    new = unregistered(job, market, model)
    own = _one_for_each_model(None if decision.promote else kept, new)
    issued = issued_fits(job, market, grid, job.fit_day(market.as_of), own)
    forecasts = checked_forecasts(job, grid, market.as_of, issued)
    experiment = stores.tracking.experiment(job.series.slug)
    with tracked_run(
        experiment, f"{job.series.slug} {market.as_of}", tags=run_tags(job, market, new.manifest)
    ) as run:
        log_fit(run, job, market, verdict=verdict, evaluation=evaluation, reasons=decision.reasons)
        log_decision(run, decision)
        with tempfile.TemporaryDirectory(prefix="coincast-bundle-") as folder:
            bundle = Path(folder)
            save_bundle(model, bundle)
            (bundle / MANIFEST_FILE).write_text(new.manifest.as_json(), encoding="utf-8")
            version = registered.register(
                bundle,
                run=run,
                candles=market.candles,
                card=model_card(job, market, evaluation, decision.reasons),
                tags=version_tags(new.manifest, job, decision),
            )
    if not replay:
        challenge(registered, version.version)
        if decision.promote:
            promote_over(registered, version.version, champion=incumbent.version)
    numbered = replace(new, version=str(version.version))
    return Registration(
        fits=tuple(numbered if one is new else one for one in issued),
        forecasts=forecasts,
        publish=decision.publish,
        reasons=decision.reasons,
        figures=decision.figures,
        metrics=evaluation.metrics,
        run_id=run.id,
        run_url=run.url,
        judging_seconds=judgement.fit_seconds,
    )


def _one_for_each_model(kept: RegisteredFit | None, new: RegisteredFit) -> tuple[RegisteredFit, ...]:
    """The kept champion speaks for its recipe; a new fit of another recipe speaks beside it."""
    if kept is None:
        return (new,)
    return (kept,) if kept.model.model_id == new.model.model_id else (kept, new)


def load_version(registered: RegisteredModel, version: ModelVersion) -> RegisteredFit:
    """A registered fit and what it was made of."""
    folder = registered.bundle(version)
    manifest = Manifest.from_json((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    return RegisteredFit(load_bundle(folder), manifest, str(version.version))


def _usable_fit(registered: RegisteredModel, version: ModelVersion) -> RegisteredFit | None:
    """The version's fit; None, said in the log, where this coincast cannot load it any more."""
    try:
        return load_version(registered, version)
    except (RegistryError, OSError) as error:
        log.warning("Version %d of %s is no longer used: %s", version.version, registered.name, error)
        return None


def _recipe_of(champion: ModelVersion, places: Places) -> Recipe | None:
    try:
        return named_recipe(champion.tags["recipe"], places)
    except (InputError, KeyError):
        # A recipe that was taken out of the catalogue cannot be fitted any more.
        return None


def _habit(registered: RegisteredModel, recipe: Recipe) -> tuple[dict[str, float], ...]:
    """The gate's figures of earlier sound fits of the recipe, newest first."""
    earlier = [
        one
        for one in registered.versions()
        if one.tags.get("recipe") == recipe.name and one.tags.get("gate_fit_sound") == "1"
    ]
    return tuple(
        {
            key.removeprefix("gate_"): float(value)
            for key, value in one.tags.items()
            if key.removeprefix("gate_") in HABIT_FIGURES
        }
        for one in earlier[:60]
    )
