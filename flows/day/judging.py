"""A fit before the gate: what is judged, on which days, beside whom."""

import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from flows.inputs.request import Job
from flows.inputs.stores import Stores
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation.gate import RECORD_DAYS, Contenders, Decision, FitShape, decide
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
from pipeline.models.fitting import Model, fit
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
        habit: The gate's figures for earlier fits of the candidate's recipe.
        held: Whether a rollback made it champion.
    """

    recipe: Recipe | None = None
    version: int | None = None
    habit: tuple[dict[str, float], ...] = ()
    held: bool = False

    @property
    def model_id(self) -> str | None:
        """Its model id; None where there is no champion yet."""
        return self.recipe.model_id if self.recipe else None


@dataclass(frozen=True)
class Judgement:
    """The gate's decision, and the seconds of the fits that only the gate asked for."""

    decision: Decision
    fit_seconds: float


def judge_fit(
    job: Job,
    stores: Stores,
    grid: FeatureGrid,
    as_of: date,
    *,
    fits: tuple[Model, Evaluation],
    incumbent: Incumbent,
) -> Judgement:
    """The gate's decision on a fit.

    Args:
        job: Whose day it is.
        stores: The ledger tells the record.
        grid: The days; rows after `as_of` are not read.
        as_of: The last day whose close is known.
        fits: The fit on all rows, and the evaluation of the one that ended 90 days earlier.
        incumbent: The champion and the recipe's habit.
    """
    full, evaluation = fits
    started = time.perf_counter()
    trial = _trial(job, grid, as_of, days=TEST_DAYS, judged=evaluation.model, incumbent=incumbent)
    newest = slice(-FEWEST_DAYS, None)
    rows = np.flatnonzero(grid.days.observed[grid.days.place])[newest]
    record = _record(job, stores, grid, as_of, incumbent)
    fit_seconds = time.perf_counter() - started
    decision = decide(
        trial.scores(job.recipe.model_id, incumbent.model_id),
        record,
        contenders=Contenders(
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
        habit=incumbent.habit,
        seed=job.seed,
    )
    return Judgement(decision, fit_seconds)


def _trial(
    job: Job, grid: FeatureGrid, as_of: date, *, days: int, judged: Model | None, incumbent: Incumbent
) -> Trial:
    """Candidate, champion's recipe and baselines, each fitted on the rows before the trial's days."""
    fit_day = as_of - timedelta(days=days)
    models = {model.model_id: model for model in fit_baselines(grid, as_of=fit_day, seed=job.seed)}
    recipes = [job.recipe, *([incumbent.recipe] if incumbent.recipe else [])]
    for recipe in recipes:
        if judged is not None and recipe == judged.recipe:
            models[recipe.model_id] = judged
        elif recipe.model_id not in models:
            models[recipe.model_id] = fit(recipe, grid, as_of=fit_day, seed=job.seed)
    return try_models(models, grid, as_of=as_of, days=days)


def _record(job: Job, stores: Stores, grid: FeatureGrid, as_of: date, incumbent: Incumbent) -> Scores:
    """Scores of forecasts issued before their targets: the ledger's, or one refit's where it is short.

    Where the history is too short for a refit a year ago the record is empty, and the gate says so.
    """
    kept = _ledger_record(job, stores, as_of, incumbent)
    if len(common_days(kept, RECORD_DAYS).candidate) >= FEWEST_DAYS:
        return kept
    try:
        return _trial(job, grid, as_of, days=RECORD_DAYS, judged=None, incumbent=incumbent).scores(
            job.recipe.model_id, incumbent.model_id
        )
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
