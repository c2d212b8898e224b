"""The flow `score`: what a day's closes say of every forecast that was made for it; nothing is fitted."""

from dataclasses import replace
from typing import Any

from flows.edges.configuration import configuration
from flows.edges.machine.runtime import prepare_environment
from flows.inputs.arguments import parse_now, parse_series
from flows.inputs.failures import kept, raise_failures
from flows.inputs.form_fields import InstantText, SeriesText
from flows.inputs.request import Job, plan_jobs
from flows.inputs.stores import Stores, open_stores
from flows.publishing.publication import Day
from flows.reporting.progress import log
from flows.tasks import day as tasks
from flows.tasks.flow_policy import flow
from pipeline.errors import CoincastError


@flow(name="score")
def score(
    series: list[SeriesText] | None = None,
    now: InstantText | None = None,
    overrides: dict[str, Any] | None = None,
) -> dict[str, int]:
    """Download, score every forecast whose target is complete, and publish the record that follows.

    Args:
        series: As `binance/BTCUSDT/1d`; default: the settings'.
        now: The instant the run believes in; default: the clock's.
        overrides: Settings that win over coincast.toml and the environment.

    Returns:
        Forecasts scored now, by series.

    Raises:
        CoincastError: The only series failed, or nothing could be started.
        SeriesFailedError: Some of several series failed.
    """
    prepare_environment()
    current = configuration(overrides)
    wanted = parse_series(series, current.settings.series)
    stores = open_stores(current.places)
    days: list[Day] = []
    scored: dict[str, int] = {}
    failures: dict[str, CoincastError] = {}
    for job in plan_jobs(current, wanted, as_of=None, now=parse_now(now)):
        with kept(failures, str(job.series)):
            day = _published_day(job, stores)
            if day is not None:
                scored[str(job.series)] = tasks.score(day, stores)
                days.append(day)
    if days:
        with kept(failures, "publication"):
            failures |= tasks.publish(days, stores).failures
    done = () if "publication" in failures else tuple(name for name in scored if name not in failures)
    raise_failures(done, failures)
    return scored


def _published_day(job: Job, stores: Stores) -> Day | None:
    """The day whose forecast the page shows, with the truth as the source has it now; None before the first."""
    publication = stores.ledger.publication(job.series)
    if publication is None:
        log.warning("%s: nothing was published yet, so there is nothing to score", job.series)
        return None
    file = tasks.download(job, stores)
    return tasks.check(replace(job, as_of=publication.as_of), stores, file)
