"""A day whose recipe is a baseline: its MLflow run and what is issued. Nothing is judged, and nothing registered."""

from dataclasses import replace
from typing import Final

from expectations.verdict import Verdict
from flows.day.issued_fits import checked_forecasts, issued_fits, unregistered
from flows.day.registration import Registration
from flows.day.run_log import log_fit, run_tags
from flows.edges.tracking.experiments import tracked_run
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from pipeline.evaluation.gate import CONFIGURED
from pipeline.evaluation.holdout import Evaluation
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.fitting import Model

_WALK: Final = "random_walk_"


def record_baseline(
    job: Job,
    stores: Stores,
    market: Market,
    *,
    verdict: Verdict,
    grid: FeatureGrid,
    fits: tuple[Model, Evaluation],
) -> Registration:
    """Log how the baseline did on the newest days; it is published as configured, and the champion stays.

    Raises:
        RegistryError: MLflow refused.
    """
    model, evaluation = fits
    own = unregistered(job, market, model)
    issued = issued_fits(job, market, grid, job.fit_day(market.as_of), [own])
    forecasts = checked_forecasts(job, grid, market.as_of, issued)
    shown = _alone(evaluation) if model.is_random_walk else evaluation
    experiment = stores.tracking.experiment(job.series.slug)
    name = f"{market.as_of} {job.series.slug}"
    with tracked_run(experiment, name, tags=run_tags(job, market, own.manifest)) as run:
        log_fit(run, job, market, verdict=verdict, evaluation=shown, reasons=(CONFIGURED,))
    return Registration(
        fits=issued,
        forecasts=forecasts,
        publish=own.model.model_id,
        reasons=(CONFIGURED,),
        figures={},
        metrics=shown.metrics,
        run_id=run.id,
        run_url=run.url,
    )


def _alone(evaluation: Evaluation) -> Evaluation:
    """The random walk's own figures: beside itself there is nothing to compare. Its point is the last close."""
    metrics = evaluation.metrics
    points = {name.removeprefix(_WALK): value for name, value in metrics.items() if name.startswith(_WALK)}
    ranges = {name: value for name, value in metrics.items() if name.startswith("test_coverage_")}
    table = evaluation.table.assign(predicted=evaluation.table["random_walk"])
    days = {"test_days": metrics["test_days"]}
    return replace(evaluation, metrics=days | points | ranges, table=table)
