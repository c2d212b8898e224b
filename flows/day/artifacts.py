"""What the Prefect UI shows of a series' day: contract, vendor's changes, decision, forecasts, scorecard, page."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from expectations.verdict import Verdict
from flows.day.outcome import ranges
from flows.day.registration import Registration
from flows.edges.configuration import Places
from flows.edges.ledger.store import Ledger
from flows.edges.machine.site_address import shown_place
from flows.publishing.vendor_revisions import Change
from flows.reporting.artifacts import show_link, show_table, unfailing
from flows.reporting.flow_run import within_flow
from pipeline.forecasts.forecast import Forecast
from pipeline.page.latest import page_name
from pipeline.scores.scorecard import build_scorecard
from pipeline.series import Series

_ROWS: Final = 100


@unfailing()
def show_verdict(series: Series, verdict: Verdict) -> None:
    """Every check, failures first, with the days that fail."""
    show_table(f"{series.slug}-data", verdict.rows(), f"{series}: the data contract says {verdict.severity}.")


@unfailing()
def show_change(series: Series, change: Change) -> None:
    """What the vendor restated between its last two files, the largest changes first."""
    show_table(f"{series.slug}-revisions", change.rows(_ROWS), f"{series}: {change.revisions.summary}")


@unfailing()
def show_decision(series: Series, registration: Registration) -> None:
    """The gate's reasons and figures, and the way to the MLflow run."""
    rows: list[dict[str, object]] = [{"what": "reason", "value": reason} for reason in registration.reasons]
    rows += [{"what": name, "value": round(value, 6)} for name, value in registration.figures.items()]
    show_table(f"{series.slug}-gate", rows, f"{series}: published is {registration.publish}.")
    show_link(f"{series.slug}-mlflow", registration.run_url, f"MLflow run of {series}")


@unfailing()
def show_forecasts(series: Series, issued: Sequence[Forecast], published: str) -> None:
    """The horizons of each model, the published one first."""
    ordered = sorted(issued, key=lambda one: one.model_id != published)
    rows = [{"model": one.model_id, **row} for one in ordered for row in ranges(one)]
    show_table(
        f"{series.slug}-forecast", rows, f"{series}, as of {issued[0].as_of}: published is {published}."
    )


@unfailing()
def show_scorecard(series: Series, ledger: Ledger) -> None:
    """How the series' forecasts turned out, live and backfilled apart, by model and days ahead."""
    if not within_flow():
        return
    rows = [
        {
            "mode": line.mode,
            "model": line.model_id,
            "days_ahead": line.horizon,
            "scored": line.n,
            **{f"held_{figure.nominal}_pct": round(100 * figure.share, 1) for figure in line.coverage},
            "error_over_walk": _finite(line.skill.relative_wis if line.skill else None),
            "compared": line.skill.n if line.skill else 0,
            "mean_miss": _finite(line.mae),
        }
        for line in build_scorecard(ledger.scores(series)).lines
    ]
    show_table(f"{series.slug}-scorecard", rows, f"{series}: how the forecasts turned out.")


@unfailing()
def show_page(series: Series, places: Places, target: str) -> None:
    """The way to the series' published page."""
    address = shown_place(places, target, page_name(series.slug))
    show_link(f"{series.slug}-page", address, f"Page of {series}")


def _finite(value: float | None) -> float | None:
    """A number that JSON has a form for."""
    return round(value, 6) if value is not None and isfinite(value) else None
