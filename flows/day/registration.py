"""From a judged fit to a registered model: the MLflow run, the version, the decision's row and the aliases."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from expectations.verdict import Verdict
from flows.day.issued_fits import (
    MANIFEST_FILE,
    RegisteredFit,
    checked_forecasts,
    issued_fits,
    once_each,
    unregistered,
)
from flows.day.judging import JudgedFit
from flows.day.run_log import log_decision, log_fit, model_card, run_tags, version_tags
from flows.edges.clock import clock
from flows.edges.ledger.publications import GateRecord
from flows.edges.tracking.aliases import challenge, promote_over
from flows.edges.tracking.experiments import tracked_run
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from pipeline.evaluation.gate import Decision
from pipeline.evaluation.holdout import Evaluation
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.forecast import Forecast
from pipeline.models.bundle import save_bundle
from pipeline.models.fitting import Model


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
    """

    fits: tuple[RegisteredFit, ...]
    forecasts: tuple[Forecast, ...]
    publish: str
    reasons: tuple[str, ...]
    figures: dict[str, float]
    metrics: dict[str, float]
    run_id: str
    run_url: str


def register_fit(
    job: Job,
    stores: Stores,
    market: Market,
    *,
    verdict: Verdict,
    grid: FeatureGrid,
    fits: tuple[Model, Evaluation],
    judged: JudgedFit,
) -> Registration:
    """Log and register a fit, keep the gate's decision, and move the champion where it says so.

    Nothing is written before the day's forecasts are made and hold: a day that cannot be issued leaves no version.

    Raises:
        RegistryError: MLflow refused.
        StoreError: The ledger refused the decision; no alias was moved.
    """
    model, evaluation = fits
    registered, decision, incumbent = judged.registered, judged.decision, judged.incumbent
    new = unregistered(job, market, model)
    # The kept champion speaks for its recipe; a new fit of another recipe speaks beside it.
    own = once_each([*([incumbent.fit] if incumbent.fit and not decision.promote else []), new])
    issued = issued_fits(job, market, grid, job.fit_day(market.as_of), own)
    forecasts = checked_forecasts(job, grid, market.as_of, issued)
    experiment = stores.tracking.experiment(job.series.slug)
    with tracked_run(
        experiment, f"{market.as_of} {job.series.slug}", tags=run_tags(job, market, new.manifest)
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
    stores.ledger.decide(job.series, _gate_record(job, market, decision, run_id=run.id))
    if not incumbent.is_younger:
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
    )


def _gate_record(job: Job, market: Market, decision: Decision, *, run_id: str) -> GateRecord:
    return GateRecord(
        series=str(job.series),
        as_of=market.as_of,
        model_id=job.recipe.model_id,
        run_id=run_id,
        promoted=decision.promote,
        publish=decision.publish,
        reasons=decision.reasons,
        figures=decision.figures,
        now=job.now,
        decided_at=clock(),
        simulated_time=job.simulated_time,
    )
