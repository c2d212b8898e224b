"""A backfill from its plan to its report: drive it to its end, then score, publish and log."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from flows.backfills.driving import choose_executor, drive
from flows.backfills.execution import Execution
from flows.backfills.executors import require_executor
from flows.backfills.fits import job_of
from flows.backfills.plan import BackfillStores
from flows.backfills.publication import publish_backfill
from flows.backfills.report import (
    BackfillOutcome,
    backfill_scores,
    backfill_tags,
    in_words,
    log_backfill,
    reason_of,
)
from flows.edges.backfill_store.units import Backfill
from flows.edges.clock import clock
from flows.edges.configuration import Configuration
from flows.edges.machine.runtime import prepare_environment
from flows.edges.snapshots.several import download_from
from flows.edges.sources.registry import chosen
from flows.edges.tracking.experiments import open_tracking, resumed_run, tracked_run
from flows.edges.tracking.run import Run
from flows.inputs.failures import explained, kept
from flows.inputs.market import read_market
from flows.inputs.stores import Stores
from flows.publishing.alarms import suspect_source
from flows.reporting.artifacts import show_table, shown_progress
from flows.reporting.progress import log, watcher
from pipeline.backfill.description import status_rows
from pipeline.backfill.plan import BackfillRequest, Plan
from pipeline.errors import CoincastError, InputError, SourceError, UnknownSeriesError
from pipeline.series import Series

_EXPERIMENT: Final = "backfills"


def refresh_snapshots(request: BackfillRequest, configuration: Configuration, stores: BackfillStores) -> None:
    """Ask the source for each series' file once; where it has none to give, what is stored must do."""
    for name in request.series:
        series = Series.parse(name)
        watcher.get().stage(name, "download")
        try:
            done = download_from(
                series,
                chosen(configuration.settings, request.source),
                stores.snapshots,
                now=clock(),
                limit_mb=configuration.settings.download_limit_mb,
                on_progress=lambda got, total: watcher.get().advance("bytes", got, total),
            )
        except (SourceError, UnknownSeriesError) as error:
            if stores.snapshots.latest(series) is None:
                raise
            log.warning("The stored snapshot of %s is used: %s", name, error)
        else:
            if done.suspicion is not None:
                log.warning("%s: %s", name, suspect_source(done.suspicion, used=done.snapshot).message)


def execute_plan(
    plan: Plan, configuration: Configuration, stores: BackfillStores, execution: Execution
) -> BackfillOutcome:
    """Make what the plan says; what is made already is published, if a command before could not do that any more.

    Raises:
        InputError: Nothing of it can be made.
        CoincastError: A store, the registry or an executor refused.
    """
    prepare_environment()
    if not plan.to_do:
        return _made_already(plan, configuration, stores)
    require_executor(execution)
    tracking = open_tracking(configuration.places)
    request = plan.request
    draft = _draft(plan, execution)
    name = f"backfill {draft.id} {plan.recipe['name']} {request.first} to {request.last}"
    with tracked_run(tracking.experiment(_EXPERIMENT), name, tags=backfill_tags(draft)) as run:
        backfill = replace(draft, run_id=run.id)
        stores.units.add(backfill, plan.units)
        log.info("backfill %s: %d units, %d fits", backfill.id, len(plan.to_do), plan.fits)
        everything = Stores(stores.snapshots, stores.ledger, tracking)
        return _carry_out(backfill, configuration, (stores, everything), execution, run)


def _draft(plan: Plan, execution: Execution) -> Backfill:
    return Backfill(
        id=f"{clock():%y%m%d}-{uuid.uuid4().hex[:6]}",
        request=plan.request,
        recipe=plan.recipe,
        model_id=plan.model_id,
        now=plan.now,
        created_at=clock(),
        lease_s=execution.lease_s,
        run_id="",
    )


def resume_backfill(
    backfill_id: str,
    configuration: Configuration,
    stores: BackfillStores,
    execution: Execution,
    *,
    reopen: tuple[str, ...] = ("cancelled",),
) -> BackfillOutcome:
    """Go on with a backfill: what is pending, what a dead worker held, and units of the states `reopen`.

    Raises:
        InputError: There is no such backfill.
        CoincastError: As `execute_plan`.
    """
    prepare_environment()
    backfill = stores.units.find(backfill_id)
    require_executor(execution)
    stores.units.reopen(backfill.id, *reopen)
    tracking = open_tracking(configuration.places)
    everything = Stores(stores.snapshots, stores.ledger, tracking)
    experiment = tracking.experiment(_EXPERIMENT)
    records = [
        one for one in experiment.find_runs(tags={"backfill": backfill.id}) if one.id == backfill.run_id
    ]
    name, tags = f"backfill {backfill.id}, resumed", backfill_tags(backfill)
    going_on = resumed_run(experiment, records[0]) if records else tracked_run(experiment, name, tags=tags)
    with going_on as run:
        return _carry_out(backfill, configuration, (stores, everything), execution, run)


def _made_already(plan: Plan, configuration: Configuration, stores: BackfillStores) -> BackfillOutcome:
    """Done already, or refused: scored and published all the same, as a command that was killed may not have.

    Raises:
        InputError: Every unit is refused.
    """
    refused = [unit for unit in plan.units if unit.outcome == "refuse"]
    if len(refused) == len(plan.units):
        first = refused[0]
        raise InputError(
            f"None of {len(refused)} units can be made; the first, {first.series} {first.as_of}: {first.why}."
            " --dry-run tells of all."
        )
    made = [unit for unit in plan.units if unit.outcome != "refuse"]
    units = [{"series": unit.series, "as_of": unit.as_of, "status": "done"} for unit in made]
    backfill, failures = _draft(plan, Execution()), dict[str, CoincastError]()
    everything = Stores(stores.snapshots, stores.ledger, open_tracking(configuration.places))
    scored = _score(backfill, configuration, everything, failures)
    published = publish_backfill(backfill, units, configuration, everything, failures=failures)
    return BackfillOutcome(
        "",
        {"done": len(made), "refused": len(refused)},
        scored=scored,
        published=len(published.changed) if published else 0,
        failures={name: str(error) for name, error in failures.items()},
    )


def _carry_out(
    backfill: Backfill,
    configuration: Configuration,
    all_stores: tuple[BackfillStores, Stores],
    execution: Execution,
    run: Run,
) -> BackfillOutcome:
    stores, everything = all_stores
    started = time.perf_counter()
    watcher.get().stage(f"backfill {backfill.id}", f"{len(backfill.request.series)} series")
    with _told_at_the_end(backfill, stores), _told_underway(backfill, stores) as tell:
        drive(backfill, stores, choose_executor(backfill, configuration, stores, execution, tell))
    units = stores.units.rows(backfill.id)
    failures: dict[str, CoincastError] = {}
    scored = _score(backfill, configuration, everything, failures)
    published = publish_backfill(backfill, units, configuration, everything, failures=failures)
    seconds = {
        "fits": sum(unit["fit_s"] or 0.0 for unit in units),
        "units": sum(unit["total_s"] or 0.0 for unit in units),
        "wall": time.perf_counter() - started,
    }
    counts = stores.units.counts(backfill.id)
    scores = backfill_scores(backfill, units, stores.ledger, failures=failures)
    board = log_backfill(run, backfill, scores, counts=counts, seconds=seconds)
    return BackfillOutcome(
        id=backfill.id,
        units=counts,
        failed=[reason_of(unit) for unit in units if unit["status"] == "failed"],
        leaderboard=board,
        scored=scored,
        published=len(published.changed) if published else 0,
        run_url=run.url,
        seconds=seconds,
        failures={name: str(error) for name, error in failures.items()},
    )


def _score(
    backfill: Backfill, configuration: Configuration, stores: Stores, failures: dict[str, CoincastError]
) -> int:
    """Score what is complete by now, from the newest snapshots; how many forecasts that were."""
    scored = 0
    for name in backfill.request.series:
        with kept(failures, name):
            scored += _score_series(backfill, Series.parse(name), configuration, stores)
    return scored


def _score_series(backfill: Backfill, series: Series, configuration: Configuration, stores: Stores) -> int:
    snapshot, now = stores.snapshots.latest(series), clock()
    if snapshot is None:
        return 0
    job = replace(job_of(backfill, series, configuration), now=now)
    truth = read_market(job, stores.snapshots, snapshot).truth
    report = stores.ledger.score(series, truth, snapshot_sha256=snapshot.sha256, now=now, scored_at=clock())
    return report.scored


@contextmanager
def _told_underway(backfill: Backfill, stores: BackfillStores) -> Iterator[Callable[[], None]]:
    """To be called whenever units may have ended: a bar in the terminal, and one in the Prefect UI."""
    title = f"Backfill {backfill.id}: {backfill.request.first} to {backfill.request.last}"
    with shown_progress(f"backfill-{backfill.id}-progress", title) as show:

        def tell() -> None:
            counts = stores.units.counts(backfill.id)
            over = sum(counts.values()) - counts["pending"] - counts["running"]
            watcher.get().advance(in_words(counts), over, sum(counts.values()))
            show(over, sum(counts.values()))

        yield tell


@contextmanager
def _told_at_the_end(backfill: Backfill, stores: BackfillStores) -> Iterator[None]:
    """A Prefect table of the units by series, also where the body fails."""
    try:
        with explained():
            yield
    finally:
        rows = status_rows(stores.units.rows(backfill.id))
        counts = in_words(stores.units.counts(backfill.id))
        show_table(f"backfill-{backfill.id}", rows, f"Backfill {backfill.id}: {counts}.")
