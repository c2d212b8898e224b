"""The flow `score`: what a day's closes say of every forecast that was made for it; nothing is fitted."""

from dataclasses import replace
from typing import Any

from flows import tasks
from flows.arguments import parse_now, parse_series
from flows.edges.configuration import configuration
from flows.edges.runtime import prepare_environment
from flows.faults import explained, kept, raise_failures
from flows.jobs import Job, plan_jobs
from flows.private_flow import private_flow
from flows.progress import log
from flows.publication import Day
from flows.stores import Stores, open_stores
from pipeline.errors import CoincastError


@private_flow("score")
def score(
    series: list[str] | None = None, now: str | None = None, overrides: dict[str, Any] | None = None
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
        with explained():
            tasks.publish(days, stores)
    raise_failures(list(scored), failures)
    return scored


def _published_day(job: Job, stores: Stores) -> Day | None:
    """The day whose forecast the page shows, with the truth as the source has it now; None before the first."""
    publication = stores.ledger.publication(job.series)
    if publication is None:
        log.warning("%s: nothing was published yet, so there is nothing to score", job.series)
        return None
    snapshot = tasks.download(job, stores)
    return tasks.check(replace(job, as_of=publication.as_of), stores, snapshot)
