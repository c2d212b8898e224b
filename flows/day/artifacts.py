"""What the Prefect UI shows of a run: tables of plain finite values, by series; links; bars of long work.

What cannot be shown, because the server is away or refuses or what is stored is damaged, is said in the log and
fails nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from expectations.verdict import Verdict
from flows.day.outcome import ranges
from flows.day.registration import Registration
from flows.edges.ledger.store import Ledger
from flows.edges.tracking.retention import Pruning
from flows.edges.words import one_line
from flows.publishing.vendor_revisions import Change
from flows.reporting.progress import log
from pipeline.forecasts.forecast import Forecast
from pipeline.page.latest import page_name
from pipeline.scores.scorecard import build_scorecard
from pipeline.series import Series

_ROWS: Final = 100
_BETWEEN_S: Final = 2.0


@contextmanager
def _unfailing() -> Iterator[None]:
    """Whatever keeps something from being shown must not fail the work that is shown."""
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        log.warning("The Prefect UI does not show this: %s", one_line(error, limit=200))
    except Exception:  # noqa: BLE001 - rows that cannot be made of what is stored: the work itself is done
        log.exception("The Prefect UI does not show this")


@_unfailing()
def show_verdict(series: Series, verdict: Verdict) -> None:
    """Every check, failures first, with the days that fail."""
    _table(f"{series.slug}-data", verdict.rows(), f"{series}: the data contract says {verdict.severity}.")


@_unfailing()
def show_change(series: Series, change: Change) -> None:
    """What the vendor restated between its last two files, the largest changes first."""
    _table(f"{series.slug}-revisions", change.rows(_ROWS), f"{series}: {change.revisions.summary}")


@_unfailing()
def show_decision(series: Series, registration: Registration) -> None:
    """The gate's reasons and figures, and the way to the MLflow run."""
    rows: list[dict[str, object]] = [{"what": "reason", "value": reason} for reason in registration.reasons]
    rows += [{"what": name, "value": round(value, 6)} for name, value in registration.figures.items()]
    _table(f"{series.slug}-gate", rows, f"{series}: published is {registration.publish}.")
    _link(f"{series.slug}-mlflow", registration.run_url, f"MLflow run of {series}")


@_unfailing()
def show_forecasts(series: Series, issued: Sequence[Forecast], published: str) -> None:
    """The horizons of each model, the published one first."""
    ordered = sorted(issued, key=lambda one: one.model_id != published)
    rows = [{"model": one.model_id, **row} for one in ordered for row in ranges(one)]
    _table(f"{series.slug}-forecast", rows, f"{series}, as of {issued[0].as_of}: published is {published}.")


@_unfailing()
def show_scorecard(series: Series, ledger: Ledger) -> None:
    """How the series' forecasts turned out, live and backfilled apart, by model and days ahead."""
    if not _watched():
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
    _table(f"{series.slug}-scorecard", rows, f"{series}: how the forecasts turned out.")


@_unfailing()
def show_page(series: Series, target: str) -> None:
    """The way to the series' published page."""
    _link(f"{series.slug}-page", _address(f"{target}/{page_name(series.slug)}"), f"Page of {series}")


@contextmanager
def shown_progress(key: str, description: str) -> Iterator[Callable[[float, float], None]]:
    """A bar in the Prefect UI for as long as the body takes; full when it ends well.

    A write every two seconds at most, each tried once, and none after one that failed: what cannot be watched goes
    on, and is not held up.

    Args:
        key: Of lower-case letters, digits and dashes.
        description: What goes on.

    Yields:
        To be called with what is done and what there is to do.

    Example:
        with shown_progress("backfill-7", "binance/BTCUSDT/1d, 365 days") as show:
            for number, unit in enumerate(units, start=1):
                work(unit)
                show(number, len(units))
    """
    bar = _Bar(key, description)
    yield bar.show
    bar.write(100.0)


class _Bar:
    """A progress artifact; none outside of a flow, and none any more once the server did not take a write."""

    def __init__(self, key: str, description: str) -> None:
        self._id: UUID | None = None
        self._written = time.monotonic()
        with _unfailing(), _tried_once():
            if _watched():
                self._id = cast(UUID, create_progress_artifact(0.0, key=key, description=description))

    def show(self, done: float, total: float) -> None:
        """So much of so much is done; written if the last write is old enough."""
        if time.monotonic() - self._written >= _BETWEEN_S:
            self.write(100 * min(done / total, 1.0) if total > 0 else 0.0)

    def write(self, percent: float) -> None:
        """Write it now."""
        bar, self._id = self._id, None
        if bar is None:
            return
        with _unfailing(), _tried_once():
            update_progress_artifact(bar, progress=percent)
            self._id = bar
        self._written = time.monotonic()


@_unfailing()
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


@_unfailing()
def show_week(
    week: str, markdown: str, rows: Sequence[Mapping[str, Any]], *, links: Mapping[str, str]
) -> None:
    """The week in words, as a table of series, and the ways to its page and its MLflow run."""
    _markdown("weekly-report", markdown, f"{week}: the week in words.")
    _table("weekly-report-series", rows, f"{week}: one line a series.")
    for name, address in links.items():
        _link(f"weekly-report-{name}", _address(address), f"{week}: {name}")


@_unfailing()
def show_stale_day(series: Series, day: date, message: str) -> None:
    """That a day was given up, and what to do."""
    _markdown(f"{series.slug}-stale", f"**{series}: {day} is stale.** {message}", f"{series}: {day}")


@_unfailing()
def show_backfill(backfill_id: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """What became of a backfill's units, by series."""
    _table(f"backfill-{backfill_id}", rows, description)


def _table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    if _watched():
        with _unfailing():
            create_table_artifact(table=[dict(row) for row in rows], key=key, description=description)


def _markdown(key: str, text: str, description: str) -> None:
    if _watched():
        with _unfailing():
            create_markdown_artifact(text, key=key, description=description)


def _address(place: str) -> str:
    """A URL as it is, a file as one."""
    return place if "://" in place else Path(place).resolve().as_uri()


def _finite(value: float | None) -> float | None:
    """A number that JSON has a form for."""
    return round(value, 6) if value is not None and isfinite(value) else None


def _link(key: str, address: str, text: str) -> None:
    if _watched():
        with _unfailing():
            create_link_artifact(link=address, link_text=text, key=key)


def _tried_once() -> AbstractContextManager[object]:
    """The client's usual retries would hold the work up for a minute."""
    return temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0})


def _watched() -> bool:
    """Whether this runs inside a flow; the stages are plain functions and may run without one."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None
