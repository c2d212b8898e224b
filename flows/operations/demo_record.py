"""The past of the demo's market: a hundred days as a backfill makes them, and a fit that the gate refuses."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from flows.backfills.execution import Execution
from flows.backfills.plan import backfill_request, make_plan, open_backfill_stores
from flows.backfills.report import BackfillOutcome
from flows.backfills.run import execute_plan
from flows.day import stages
from flows.day.registration import Registration
from flows.edges.configuration import Configuration
from flows.inputs.request import Job, plan_jobs
from flows.inputs.stores import Stores, open_stores
from flows.publishing.vendor_revisions import newest_file
from flows.reporting.progress import Stopwatch
from pipeline.errors import StoreError
from pipeline.recipes.ranges import TINY_RANGE
from pipeline.series import Series

RECORD_DAYS: Final = 100
# Two fits, or one.
_REFIT_EVERY: Final = 100
HASTY_RANGE: Final = TINY_RANGE.model_validate(
    TINY_RANGE.model_dump()
    | {
        "name": "hasty-range",
        "title": "tiny-range in steps a hundred times too large: a fit for the gate to refuse.",
        "learning_rate": 0.5,
    }
)


@dataclass(frozen=True)
class DemoRecord:
    """What was made of the days before the newest.

    Attributes:
        backfill: Of a hundred days; its id is empty where an earlier demo made them all.
        refused: What the gate said of the hasty fit; None where an earlier demo asked it.
        runs_url: MLflow's page of the series' runs.
        training_s: Seconds of all fits.
    """

    backfill: BackfillOutcome
    refused: Registration | None
    runs_url: str
    training_s: float


def make_record(configuration: Configuration, series: Series, *, now: datetime, anew: bool) -> DemoRecord:
    """The days before the newest complete one. All that is made after the fact is of mode `backfill`.

    Args:
        configuration: The demo's.
        series: Its market, whose file is stored.
        now: The clock's instant.
        anew: The market is another than the one before: every day is made again.
    """
    stores, last = open_stores(configuration.places), now.date() - timedelta(days=2)
    outcome = _backfill(configuration, series, last=last, now=now, anew=anew)
    watch, refused = Stopwatch(), None
    if anew or not stores.ledger.decisions(series):
        (job,) = plan_jobs(configuration, [series], as_of=last, now=None)
        refused = _judged(replace(job, recipe=HASTY_RANGE), stores, watch)
    return DemoRecord(
        backfill=outcome,
        refused=refused,
        runs_url=stores.tracking.experiment(series.slug).url,
        training_s=sum(watch.seconds.values()) + outcome.seconds.get("fits", 0.0),
    )


def _backfill(
    configuration: Configuration, series: Series, *, last: date, now: datetime, anew: bool
) -> BackfillOutcome:
    stores = open_backfill_stores(configuration)
    request = backfill_request(
        configuration,
        series=[str(series)],
        first=(last - timedelta(days=RECORD_DAYS - 1)).isoformat(),
        last=last.isoformat(),
        refit_every=_REFIT_EVERY,
        reprocess="all" if anew else "missing",
    )
    plan = make_plan(request, configuration, stores, now=now)
    return execute_plan(plan, configuration, stores, Execution())


def _judged(job: Job, stores: Stores, watch: Stopwatch) -> Registration:
    """A day's stages without a server, publication apart; `watch` gets the seconds of the fits."""
    snapshot, name = stores.snapshots.latest(job.series), str(job.series)
    if snapshot is None or job.as_of is None:
        raise StoreError(f"No file of {name} is stored; run `coincast demo` again.")
    day = stages.check(job, stores, newest_file(snapshot, stores.snapshots, stores.ledger))
    grid = stages.features(day)
    with watch.stage(name, f"a fit of {job.recipe.name}, for the gate"):
        model = stages.train(job, grid, job.as_of)
        evaluation = stages.evaluate(job, grid, job.as_of)
        judged = stages.judge(day, stores, grid, fits=(model, evaluation))
    registration = stages.register(day, stores, grid, model=model, evaluation=evaluation, judged=judged)
    stages.forecast(day, stores, registration)
    return registration
