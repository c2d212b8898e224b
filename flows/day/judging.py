"""A fit before the gate: what is judged, on which days, beside whom."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from flows.day.issued_fits import RegisteredFit, registered_fit
from flows.edges.configuration import Places
from flows.edges.files.recipe_files import named_recipe
from flows.edges.machine.locks import locks_of
from flows.edges.tracking.aliases import CHAMPION, is_held
from flows.edges.tracking.registry import ModelVersion, RegisteredModel
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from pipeline.errors import InputError, TooLittleHistoryError
from pipeline.evaluation.gate import RECORD_DAYS, REFERENCE_FIGURES, Decision, FitShape, Roles, decide
from pipeline.evaluation.gate_evidence import (
    FEWEST_DAYS,
    Scores,
    common_days,
    fit_difference,
    paired_scores,
    response,
)
from pipeline.evaluation.holdout import TEST_DAYS, Evaluation
from pipeline.evaluation.trial import Trial, fit_baselines, try_models
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.columns import BY_GATE
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.models.fitting import Fitter, Model, fit
from pipeline.models.random_walk import RANDOM_WALK
from pipeline.models.regression import HAR_RANGE
from pipeline.recipes.base import Recipe

_WALK: Final = RANDOM_WALK.model_id
_HAR: Final = HAR_RANGE.model_id


@dataclass(frozen=True)
class Incumbent:
    """The champion that a fit is judged beside.

    Attributes:
        recipe: Its recipe.
        version: Its number in the registry.
        reference: The gate's figures for earlier fits of the candidate's recipe.
        held: Whether a rollback made it champion.
        fit: What it forecasts by; None where there is none that may speak of the day.
        is_younger: Whether it has seen days after the one that is forecast: it stays where it is.
    """

    recipe: Recipe | None = None
    version: int | None = None
    reference: tuple[dict[str, float], ...] = ()
    held: bool = False
    fit: RegisteredFit | None = None
    is_younger: bool = False

    @property
    def model_id(self) -> str | None:
        """Its model id; None where there is no champion yet."""
        return self.recipe.model_id if self.recipe else None


@dataclass(frozen=True, eq=False)
class JudgedFit:
    """The gate's decision on a fit of a registered model, and the champion that it was judged beside."""

    registered: RegisteredModel
    decision: Decision
    incumbent: Incumbent


def judge_fit(
    job: Job,
    stores: Stores,
    grid: FeatureGrid,
    as_of: date,
    *,
    fits: tuple[Model, Evaluation],
    fit: Fitter = fit,
) -> JudgedFit:
    """The gate's decision on a fit. Nothing is written.

    Args:
        job: Whose day it is.
        stores: The ledger tells the record, the registry the champion.
        grid: The days; rows after `as_of` are not read.
        as_of: The last day whose close is known.
        fits: The fit on all rows, and the evaluation of the one that ended 90 days earlier.
        fit: Who makes the trials' fits.

    Raises:
        RegistryError: MLflow refused.
        TimeLimitError: A fit of a trial ran past the settings' limit.
    """
    full, evaluation = fits
    registered = RegisteredModel(stores.tracking, job.series, lock=locks_of(job.configuration.places))
    incumbent = _incumbent(job, registered, grid, as_of)
    trials = _Trials(job, grid, as_of, incumbent, fit)
    trial = trials.of(TEST_DAYS, judged=evaluation.model)
    newest = slice(-FEWEST_DAYS, None)
    rows = np.flatnonzero(grid.days.observed[grid.days.place])[newest]
    record = _record(trials, stores)
    decision = decide(
        trial.scores(job.recipe.model_id, incumbent.model_id),
        record,
        roles=Roles(
            candidate=job.recipe.model_id,
            champion=incumbent.model_id,
            published=_published_before(job, stores, as_of),
            held=incumbent.held,
        ),
        shape=FitShape(
            difference=fit_difference(
                full.log_return_quantiles(grid, rows), evaluation.model.log_return_quantiles(grid, rows)
            ),
            response=response(trial.quantiles[job.recipe.model_id], trial.quantiles[_HAR]),
        ),
        reference=incumbent.reference,
        seed=job.seed,
    )
    return JudgedFit(registered, decision, incumbent)


def fit_days_ahead(job: Job, stores: Stores, as_of: date) -> tuple[date, ...]:
    """Last days of the candidate's fits that the gate will want, unless the champion changes that: one or two."""
    kept = _ledger_record(job, stores, as_of, Incumbent())
    enough = len(common_days(kept, RECORD_DAYS).candidate) >= FEWEST_DAYS
    return tuple(as_of - timedelta(days=days) for days in (TEST_DAYS, *(() if enough else (RECORD_DAYS,))))


def _incumbent(job: Job, registered: RegisteredModel, grid: FeatureGrid, as_of: date) -> Incumbent:
    holder = registered.at(CHAMPION)
    is_younger = holder is not None and holder.tags.get("trained_as_of", "9999") > as_of.isoformat()
    # A champion that has seen days after this one must not speak of them, and stays where it is.
    usable = None if holder is None or is_younger else registered_fit(registered, holder, grid)
    return Incumbent(
        recipe=_recipe_of(holder, job.configuration.places) if holder and usable else None,
        version=holder.version if holder else None,
        reference=_reference(registered, job.recipe),
        held=usable is not None and is_held(registered),
        fit=usable,
        is_younger=is_younger,
    )


@dataclass(frozen=True, eq=False)
class _Trials:
    """A day's trials of candidate, champion's recipe and baselines; `fit` makes their fits."""

    job: Job
    grid: FeatureGrid
    as_of: date
    incumbent: Incumbent
    fit: Fitter

    def of(self, days: int, *, judged: Model | None = None) -> Trial:
        """Each fitted on the rows before the newest `days`; a fit of its recipe that did not see them may be given."""
        job, day, limit = self.job, self.as_of - timedelta(days=days), self.job.fit_limit_s
        baselines = fit_baselines(self.grid, as_of=day, seed=job.seed, time_limit_s=limit)
        models = {model.model_id: model for model in baselines}
        for recipe in filter(None, (job.recipe, self.incumbent.recipe)):
            if judged is not None and recipe == judged.recipe:
                models[recipe.model_id] = judged
            elif recipe.model_id not in models:
                models[recipe.model_id] = self.fit(
                    recipe, self.grid, as_of=day, seed=job.seed, time_limit_s=limit
                )
        return try_models(models, self.grid, as_of=self.as_of, days=days)


def _record(trials: _Trials, stores: Stores) -> Scores:
    """Scores of forecasts issued before their targets: the ledger's, or one refit's where it is short.

    Where the history is too short for a refit a year ago the record is empty, and the gate says so.
    """
    job, incumbent = trials.job, trials.incumbent
    kept = _ledger_record(job, stores, trials.as_of, incumbent)
    if len(common_days(kept, RECORD_DAYS).candidate) >= FEWEST_DAYS:
        return kept
    try:
        return trials.of(RECORD_DAYS).scores(job.recipe.model_id, incumbent.model_id)
    except TooLittleHistoryError:
        return kept


def _ledger_record(job: Job, stores: Stores, as_of: date, incumbent: Incumbent) -> Scores:
    """Live scores of the newest year that were known at `as_of`, on days that all have."""
    names = list(dict.fromkeys(filter(None, (job.recipe.model_id, _WALK, _HAR, incumbent.model_id))))
    rows = stores.ledger.scores(
        job.series, since=as_of - timedelta(days=RECORD_DAYS), until=as_of, model_ids=names, mode="live"
    )
    # In a ledger's first week no score of the longer horizons is there yet.
    days = sorted(set(rows["as_of"]))
    wis = {
        name: rows[rows["model_id"] == name]
        .pivot_table(index="as_of", columns="horizon", values="wis")
        .reindex(index=days, columns=list(HORIZONS))
        .to_numpy(dtype=float)
        for name in names
    }
    apart = incumbent.model_id if incumbent.model_id != job.recipe.model_id else None
    return paired_scores(
        candidate=wis[job.recipe.model_id],
        random_walk=wis[_WALK],
        har_range=wis[_HAR],
        champion=wis[apart] if apart else None,
    )


def _published_before(job: Job, stores: Stores, as_of: date) -> str | None:
    """What the gate published for the newest earlier day; a baseline that was configured says nothing of a model."""
    newest = stores.ledger.publication(job.series, chosen_by=BY_GATE)
    return newest.model_id if newest is not None and newest.as_of < as_of else None


def _recipe_of(champion: ModelVersion, places: Places) -> Recipe | None:
    try:
        return named_recipe(champion.tags["recipe"], places)
    except (InputError, KeyError):
        # A recipe that was taken out of the catalogue cannot be fitted any more.
        return None


def _reference(registered: RegisteredModel, recipe: Recipe) -> tuple[dict[str, float], ...]:
    """The gate's figures of earlier sound fits of the recipe, newest first.

    From the versions' tags, not the ledger: tags are rounded, and a pruned version counts no more.
    """
    earlier = [
        one
        for one in registered.versions()
        if one.tags.get("recipe") == recipe.name and one.tags.get("gate_fit_sound") == "1"
    ]
    return tuple(
        {
            key.removeprefix("gate_"): float(value)
            for key, value in one.tags.items()
            if key.removeprefix("gate_") in REFERENCE_FIGURES
        }
        for one in earlier[:60]
    )
