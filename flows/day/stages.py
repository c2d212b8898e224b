"""The stages of a day as plain functions; their policies are in flows/tasks, their order in flows/day/run.py."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial

from flows.day import artifacts
from flows.day.baseline import record_baseline
from flows.day.issued_fits import issue_context
from flows.day.judging import JudgedFit, judge_fit
from flows.day.registration import Registration, register_fit
from flows.day.standing_fit import standing_fit
from flows.edges.clock import clock
from flows.edges.ledger.publications import Publication as Choice
from flows.edges.snapshots.several import download_from
from flows.edges.snapshots.store import Judgement
from flows.edges.sources.registry import chosen
from flows.inputs.contract import check_market
from flows.inputs.failures import kept
from flows.inputs.market import read_market
from flows.inputs.pool import day_pool
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.alarms import raise_alarms, series_alarms, suspect_source
from flows.publishing.publication import Day, publish_days
from flows.publishing.series_pages import PublishedDays
from flows.publishing.vendor_revisions import NewestFile, newest_file
from flows.reporting.artifacts import shown_progress
from flows.reporting.progress import log, watcher
from pipeline.candles.filling import describe_filling
from pipeline.evaluation.holdout import TEST_DAYS, Evaluation, require_days
from pipeline.evaluation.holdout import evaluate as evaluate_fit
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.forecast import Forecast
from pipeline.models.callbacks import EpochListener
from pipeline.models.fitting import Fitter, Model, fit
from pipeline.monitoring.alarms import Alarm


def download(job: Job, stores: Stores) -> NewestFile:
    """The vendor's present file as a snapshot, or the last good one where that is suspect.

    An unchanged file costs one conditional request. A suspect one is an event when it is found; it stands as an alarm.
    """
    now = clock()
    done = download_from(
        job.series,
        chosen(job.configuration.settings, job.source),
        stores.snapshots,
        now=now,
        limit_mb=job.configuration.settings.download_limit_mb,
        on_progress=lambda got, total: watcher.get().advance("bytes", got, total),
    )
    file = newest_file(done.snapshot, stores.snapshots, stores.ledger)
    if done.suspicion is not None:
        return _warned_of(done.suspicion, job, stores, file, is_new=done.suspicion.judged_at == now)
    log.info("%s: %s file, sha256 %s", job.series, done.outcome, done.snapshot.sha256[:12])
    if done.outcome == "new" and file.change is not None:
        log.info("%s: %s", job.series, file.change.revisions.summary)
        artifacts.show_change(job.series, file.change)
    return file


def _warned_of(
    suspicion: Judgement, job: Job, stores: Stores, file: NewestFile, *, is_new: bool
) -> NewestFile:
    alarm = suspect_source(suspicion, used=file.snapshot)
    log.warning("%s: %s", job.series, alarm.message)
    if is_new:
        _raise(job, stores, [alarm])
    return replace(file, warning=alarm.message)


def check(job: Job, stores: Stores, file: NewestFile) -> Day:
    """Candles up to as_of, held against the data contract; a critical failure stops the run here."""
    market = read_market(job, stores.snapshots, file.snapshot)
    verdict = check_market(job, market)
    artifacts.show_verdict(job.series, verdict)
    verdict.raise_if_critical()
    market = replace(market, pool=day_pool(job, market, stores.snapshots))
    for sentence in describe_filling(market.account.filled_from, until=market.as_of.isoformat()):
        log.warning("%s: %s", job.series, sentence)
    log.info(
        "%s: %d candles up to %s, contract %s",
        job.series,
        len(market.candles),
        market.as_of,
        verdict.severity,
    )
    return Day(job, market, verdict, file.restated_days)


def features(day: Day) -> FeatureGrid:
    """Every calendar day with its features, holes filled causally and flagged, beside the pool's: once for a day.

    Raises:
        TooLittleHistoryError: There are too few candles to fit and to judge: said before anything is fitted.
    """
    grid = day.market.features(day.job.series)
    require_days(grid.table)
    return grid


def load(day: Day, stores: Stores, grid: FeatureGrid) -> Registration | None:
    """Between two fits of the refit calendar: the forecasts of the registered one; None where it is to be fitted."""
    registration = standing_fit(day.job, stores, day.market, grid)
    if registration is not None:
        log.info("%s: %s", day.job.series, registration.reasons[0])
    return registration


def train(job: Job, grid: FeatureGrid, fit_day: date, fit: Fitter = fit) -> Model:
    """The recipe fitted on the rows at or before `fit_day`."""
    with _epochs_shown(job, "train", f"{job.recipe.name} on rows up to {fit_day}") as on_epoch:
        return fit(
            job.recipe,
            grid,
            as_of=fit_day,
            seed=job.seed,
            time_limit_s=job.fit_limit_s,
            on_epoch=on_epoch,
        )


def evaluate(job: Job, grid: FeatureGrid, as_of: date, fit: Fitter = fit) -> Evaluation:
    """The same fit ended 90 days earlier, judged on those 90 days beside the random walk."""
    with _epochs_shown(job, "evaluate", f"{job.recipe.name} without the last {TEST_DAYS} days") as on_epoch:
        return evaluate_fit(
            job.recipe,
            grid,
            as_of=as_of,
            seed=job.seed,
            test_days=TEST_DAYS,
            time_limit_s=job.fit_limit_s,
            on_epoch=on_epoch,
            fit=fit,
        )


def judge(
    day: Day, stores: Stores, grid: FeatureGrid, *, fits: tuple[Model, Evaluation], fit: Fitter = fit
) -> JudgedFit:
    """The gate's decision on the fit, beside the champion and the baselines on days that none of them saw."""
    return judge_fit(day.job, stores, grid, day.market.as_of, fits=fits, fit=fit)


def register(
    day: Day,
    stores: Stores,
    grid: FeatureGrid,
    *,
    model: Model,
    evaluation: Evaluation,
    judged: JudgedFit | None,
) -> Registration:
    """The MLflow run, the registered version, the decision's row and the aliases; of a baseline the run alone."""
    record = record_baseline if judged is None else partial(register_fit, judged=judged)
    registration = record(
        day.job, stores, day.market, verdict=day.verdict, grid=grid, fits=(model, evaluation)
    )
    artifacts.show_decision(day.job.series, registration)
    for reason in registration.reasons:
        log.info("%s: %s", day.job.series, reason)
    return registration


def forecast(day: Day, stores: Stores, registration: Registration) -> tuple[Forecast, ...]:
    """The forecasts of the published model and of the others, kept in the ledger."""
    job, market = day.job, day.market
    for source, said in zip(registration.fits, registration.forecasts, strict=True):
        stores.ledger.issue([said], issue=issue_context(job, market, source, run_id=registration.run_id))
    _choose(day, stores, registration.publish, run_id=_standing_run(day, stores))
    artifacts.show_forecasts(job.series, registration.forecasts, registration.publish)
    return registration.forecasts


def _standing_run(day: Day, stores: Stores) -> str:
    """The run whose forecast stands: of runs side by side the first one's, and its choice is that of all."""
    as_of, model_id = day.market.as_of, day.job.recipe.model_id
    rows = stores.ledger.forecasts(day.job.series, since=as_of, until=as_of, model_ids=[model_id])
    return str(rows.sort_values("issued_at", kind="stable")["run_id"].iloc[-1])


def choose_again(day: Day, stores: Stores, choice: Choice) -> None:
    """Publish what runs of this recipe had published of the day, before one of another kind of recipe came between."""
    _choose(day, stores, choice.model_id, run_id=choice.run_id)
    log.info("%s: %s is published again", day.job.series, choice.model_id)


def _choose(day: Day, stores: Stores, model_id: str, *, run_id: str) -> None:
    stores.ledger.publish(
        day.job.series,
        day.market.as_of,
        model_id=model_id,
        now=day.job.now,
        published_at=clock(),
        chosen_by=day.job.chosen_by,
        run_id=run_id,
    )


def score(day: Day, stores: Stores) -> int:
    """Score every forecast whose target is complete; the number that were scored now."""
    job, market = day.job, day.market
    report = stores.ledger.score(
        job.series,
        market.truth,
        snapshot_sha256=market.snapshot.sha256,
        now=job.now,
        scored_at=clock(),
    )
    for line in report.lines:
        log.info("%s: %s", job.series, line)
    artifacts.show_scorecard(job.series, stores.ledger)
    return report.scored


def publish(days: Sequence[Day], stores: Stores) -> PublishedDays:
    """Hub, latest.json and pages of these days, switched at once; then what is alarming, as events."""
    done = publish_days(days, stores)
    publication, failures = done.publication, dict(done.failures)
    log.info(
        "published to %s: %s, %d files", publication.target, publication.outcome, len(publication.changed)
    )
    for job in {day.job.series: day.job for day in days}.values():
        with kept(failures, str(job.series)):
            artifacts.show_page(job.series, job.configuration.places, publication.target)
            _raise(job, stores, _alarms(job, stores))
    return replace(done, failures=failures)


def _raise(job: Job, stores: Stores, raised: Sequence[Alarm]) -> None:
    raise_alarms(stores.ledger, job.series, raised, now=job.now, simulated_time=job.simulated_time)


def _alarms(job: Job, stores: Stores) -> tuple[Alarm, ...]:
    settings = job.configuration.settings
    return series_alarms(stores.ledger, stores.snapshots, job.series, settings=settings, now=job.now)


@contextmanager
def _epochs_shown(job: Job, stage: str, what: str) -> Iterator[EpochListener]:
    """Epochs of a fit, on the terminal and in the Prefect UI; baselines have none."""
    total = job.recipe.total_epochs
    if total is None:
        yield lambda _epoch, _values: None
        return
    with shown_progress(f"{job.series.slug}-{stage}", f"{job.series}: {what}") as show:

        def report(epoch: int, _values: Mapping[str, float]) -> None:
            watcher.get().advance("epochs", epoch, total)
            show(epoch, total)

        yield report
