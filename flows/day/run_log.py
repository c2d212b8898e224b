"""What a daily fit's MLflow run and model version show: tags, numbers, figures, the card."""

from collections.abc import Mapping, Sequence

from expectations.verdict import Verdict
from flows.edges.tracking.run import Run
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.reporting.flow_run import name_and_id, ui_url, way_back
from pipeline.evaluation.gate import Decision
from pipeline.evaluation.holdout import Evaluation
from pipeline.figures.daily import forecast_figure, loss_figure
from pipeline.forecasts.manifest import Manifest


def run_tags(job: Job, market: Market, manifest: Manifest) -> dict[str, object]:
    """By which a run is found again, and the way back to the Prefect run."""
    flow_run, flow_run_id = name_and_id()
    return {
        "recipe": job.recipe.name,
        "series": str(job.series),
        "as_of": market.as_of,
        "vintage": market.vintage,
        "snapshot": market.snapshot.sha256,
        "seed": job.seed,
        "manifest": manifest.id,
        "code": manifest.code,
        "simulated": str(job.series.simulated).lower(),
        "simulated_time": str(job.simulated_time).lower(),
        "prefect_flow_run": flow_run,
        "prefect_flow_run_id": flow_run_id,
        "prefect_flow_run_url": ui_url(),
        **{f"version_{name}": version for name, version in manifest.packages.items()},
    }


def version_tags(manifest: Manifest, job: Job, decision: Decision) -> dict[str, str]:
    """What the registry must know of a version to judge the next one."""
    return {
        "recipe": job.recipe.name,
        "model_id": job.recipe.model_id,
        "trained_as_of": manifest.trained_as_of.isoformat(),
        "manifest": manifest.id,
        **decision.as_tags(),
    }


def log_fit(
    run: Run,
    job: Job,
    market: Market,
    *,
    verdict: Verdict,
    evaluation: Evaluation,
    reasons: Sequence[str],
) -> None:
    """Parameters, metrics beside the random walk's, curves, both figures, the contract, the note."""
    run.log_parameters({"seed": job.seed, "test_days": len(evaluation.table), **job.recipe.as_values()})
    run.log_metrics(evaluation.metrics)
    for name, values in evaluation.history.items():
        run.log_curve(name, values)
    run.log_figure(loss_figure(evaluation.history), "loss")
    name = f"{job.series}{' (simulated market)' if job.series.simulated else ''}"
    title = f"{name}: one day ahead on {evaluation.days_in_words}"
    run.log_figure(forecast_figure(evaluation.table, title=title), "forecast")
    run.log_table(evaluation.table, "test_days")
    run.log_json(verdict.as_dict(), "data_contract")
    run.log_dataset(
        market.candles, name=job.series.slug, digest=market.snapshot.sha256, source=market.snapshot.url
    )
    run.set_tags({"data_contract": verdict.severity})
    run.set_note(model_card(job, market, evaluation, reasons) + way_back())


def log_decision(run: Run, decision: Decision) -> None:
    """The gate's decision, as an artifact and as the tags that later fits and the page read."""
    run.log_json(decision.as_dict(), "gate")
    run.set_tags(decision.as_tags())


def model_card(job: Job, market: Market, evaluation: Evaluation, reasons: Sequence[str]) -> str:
    """The model card: what, data, metrics, limits."""
    simulated = (
        "**This market is simulated.** Nothing here is about a real price.\n\n"
        if job.series.simulated
        else ""
    )
    what = f"**{job.recipe.title.rstrip('.')}**, for {job.series}"
    data = f"up to {market.as_of} (snapshot `{market.snapshot.sha256[:12]}`, vintage {market.vintage})"
    return f"""{simulated}{what}, trained on {len(market.candles)} daily candles {data}.

{" ".join(reasons)}

On {evaluation.days_in_words}, one day ahead, by a fit that did not see them:

{_table(evaluation.metrics)}

Limits: it forecasts a range, not a direction; nobody forecasts tomorrow's price level noticeably better than as today.
It knows nothing but {"the candles of the series of its pool" if job.recipe.is_pooled else "this market's candles"}.
"""


def _table(values: Mapping[str, float]) -> str:
    """Figures beside the random walk's; alone where they are its own."""
    pairs = [(name, f"random_walk_{name}") for name in values if f"random_walk_{name}" in values]
    if not pairs:
        return "\n".join(
            (
                "| metric | value |",
                "|---|---|",
                *(f"| {name} | {value:.6g} |" for name, value in values.items()),
            )
        )
    rows = (f"| {name} | {values[name]:.6g} | {values[walk]:.6g} |" for name, walk in pairs)
    return "\n".join(("| metric | model | random walk |", "|---|---|---|", *rows))
