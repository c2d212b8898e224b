"""What the Prefect UI shows of a run: tables of plain finite values, by series."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.context import FlowRunContext, TaskRunContext

from expectations.verdict import Verdict
from flows.edges.retention import Pruning
from flows.outcome import ranges
from flows.registration import Registration
from flows.vendor_revisions import Change
from pipeline.forecast import Forecast
from pipeline.series import Series

_ROWS: Final = 100


def show_verdict(series: Series, verdict: Verdict) -> None:
    """Every check, failures first, with the days that fail."""
    _table(f"{series.slug}-data", verdict.rows(), f"{series}: the data contract says {verdict.severity}.")


def show_change(series: Series, change: Change) -> None:
    """What the vendor restated between its last two files, the largest changes first."""
    _table(f"{series.slug}-revisions", change.rows(_ROWS), f"{series}: {change.revisions.summary}")


def show_decision(series: Series, registration: Registration) -> None:
    """The gate's reasons and figures, and the way to the MLflow run."""
    decision = registration.decision
    rows: list[dict[str, object]] = [{"what": "reason", "value": reason} for reason in decision.reasons]
    rows += [{"what": name, "value": round(value, 6)} for name, value in decision.figures.items()]
    _table(f"{series.slug}-gate", rows, f"{series}: published is {decision.publish}.")
    _link(f"{series.slug}-mlflow", registration.run_url, f"MLflow run of {series}")


def show_forecasts(series: Series, issued: Sequence[Forecast], published: str) -> None:
    """The horizons of each model, the published one first."""
    ordered = sorted(issued, key=lambda one: one.model_id != published)
    rows = [{"model": one.model_id, **row} for one in ordered for row in ranges(one)]
    _table(f"{series.slug}-forecast", rows, f"{series}, as of {issued[0].as_of}: published is {published}.")


def show_prunings(done: Mapping[str, Pruning], *, dry_run: bool) -> None:
    """How many versions, runs and files went, by series."""
    rows = [
        {
            "series": name,
            "versions": len(one.versions),
            "runs": len(one.runs),
            "models": len(one.logged_models),
            "collect": one.collect,
        }
        for name, one in done.items()
    ]
    _table("retention", rows, "What would be deleted." if dry_run else "What was deleted.")


def show_week(week: str, markdown: str, rows: Sequence[Mapping[str, Any]], *, run_url: str) -> None:
    """The week in words, as a table of series, and the way to its MLflow run."""
    if _watched():
        create_markdown_artifact(markdown, key="weekly-report", description=f"{week}: the week in words.")
    _table("weekly-report-series", rows, f"{week}: one line a series.")
    _link("weekly-report-mlflow", run_url, f"MLflow run of {week}")


def show_stale_day(series: Series, day: date, message: str) -> None:
    """That a day was given up, and what to do."""
    if _watched():
        create_markdown_artifact(
            f"**{series}: {day} is stale.** {message}",
            key=f"{series.slug}-stale",
            description=f"{series}: {day}",
        )


def show_backfill(backfill_id: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """What became of a backfill's units, by series."""
    _table(f"backfill-{backfill_id}", rows, description)


def _table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    if _watched():
        create_table_artifact(table=[dict(row) for row in rows], key=key, description=description)


def _link(key: str, address: str, text: str) -> None:
    if _watched() and address.startswith("http"):
        create_link_artifact(link=address, link_text=text, key=key)


def _watched() -> bool:
    """Whether this runs inside a flow; the stages are plain functions and may run without one."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None
