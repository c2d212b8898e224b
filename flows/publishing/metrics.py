"""What a machine's monitoring is told after each daily run: made of the stores, so that it outlives a failed run."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from flows.edges.files.metrics_file import Figure, write_metrics
from flows.inputs.failures import explained
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.alarms import series_alarms, usual_model
from flows.reporting.progress import log
from pipeline.errors import CoincastError
from pipeline.forecasts.columns import HORIZON, LIVE, complete_at, hit
from pipeline.forecasts.quantiles import COVERAGES
from pipeline.monitoring.alarms import KINDS

SCORED: Final = timedelta(days=90)


def tell_monitoring(
    jobs: Sequence[Job], stores: Stores, seconds: Mapping[str, Mapping[str, float]], *, failed: Sequence[str]
) -> None:
    """Write the file of the setting `metrics_file`; one that cannot be written is a warning in the log.

    Args:
        jobs: Of the run, one a series.
        stores: What the figures are made of.
        seconds: By series and stage, of those that are done.
        failed: Series, or series and day, that are not; `publication` where nothing could be published.
    """
    place = jobs[0].configuration.settings.metrics_file
    if not place:
        return
    try:
        with explained():
            figures = [one for job in jobs for one in _of_series(job, stores)]
            figures += [one for job in jobs for one in figures_of_run(str(job.series), seconds, failed)]
            write_metrics(figures, Path(place))
    except (CoincastError, OSError) as error:
        log.warning("The metrics in %s are not of this run: %s", place, error)


def _of_series(job: Job, stores: Stores) -> Iterator[Figure]:
    series = {"series": str(job.series)}
    publication, newest = stores.ledger.publication(job.series), stores.snapshots.latest(job.series)
    if publication:
        at = publication.published_at.timestamp()
        yield Figure(
            "last_success_timestamp_seconds", "When the newest published forecast was made.", series, at
        )
    if newest:
        ended = complete_at(newest.last).timestamp()
        yield Figure("source_timestamp_seconds", "When the source's newest candle ended.", series, ended)
    raised = series_alarms(
        stores.ledger, stores.snapshots, job.series, settings=job.configuration.settings, now=job.now
    )
    kinds = {alarm.kind for alarm in raised}
    for kind in KINDS:
        yield Figure("alarm", "1 while the alarm stands.", {**series, "kind": kind}, float(kind in kinds))
    yield from _coverage(
        job, stores, publication.model_id if publication else usual_model(job.configuration.settings)
    )


def _coverage(job: Job, stores: Stores, model_id: str) -> Iterator[Figure]:
    since = (job.now - SCORED).date()
    scores = stores.ledger.scores(job.series, since=since, model_ids=[model_id], mode=LIVE)
    for horizon, days in scores.groupby(HORIZON):
        labels = {"series": str(job.series), "horizon": str(horizon)}
        meaning = "Live forecasts of the last 90 days that were scored."
        yield Figure("scored_forecasts", meaning, labels, len(days))
        for coverage in COVERAGES:
            meaning = "Share of them whose outcome the range in percent held."
            share = float(days[hit(coverage)].mean())
            yield Figure("coverage_ratio", meaning, {**labels, "range": str(coverage)}, share)


def figures_of_run(
    series: str, seconds: Mapping[str, Mapping[str, float]], failed: Sequence[str]
) -> Iterator[Figure]:
    """Whether the run failed for the series, by itself or by the publication of all, and the seconds of its stages."""
    fails = float(any(name == "publication" or name.startswith(series) for name in failed))
    yield Figure("last_run_failed", "1 where the last run failed.", {"series": series}, fails)
    for stage, spent in seconds.get(series, {}).items():
        labels = {"series": series, "stage": stage}
        yield Figure("stage_seconds", "Wall-clock time of the last run's stage.", labels, spent)
