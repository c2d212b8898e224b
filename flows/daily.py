"""The flow `daily`: what the deployment runs every night, and `coincast daily` and `coincast demo` at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefect import flow

from flows import tasks
from flows.arguments import parse_date, parse_now, parse_series
from flows.edges.configuration import configuration
from flows.edges.runtime import prepare_environment
from flows.faults import explained
from flows.jobs import Job, plan_jobs
from flows.market import is_issued
from flows.outcome import DayOutcome, DoneDay, describe
from flows.progress import Stopwatch, log
from flows.stores import Stores, open_stores
from pipeline.errors import CoincastError, RunError


class SeriesFailedError(RunError):
    """Some series of several failed; the others are done.

    Attributes:
        outcomes: Of those that are done.
        failures: One line for each that failed, by series.
    """

    def __init__(self, outcomes: Sequence[DayOutcome], failures: Mapping[str, str]) -> None:
        named = "; ".join(f"{series}: {message}" for series, message in failures.items())
        super().__init__(f"{len(failures)} of {len(failures) + len(outcomes)} series failed. {named}")
        self.outcomes = tuple(outcomes)
        self.failures = dict(failures)


@flow(name="daily")
def daily(
    series: list[str] | None = None,
    as_of: str | None = None,
    now: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> list[DayOutcome]:
    """Download, check, train, evaluate, register, forecast, score and publish each series.

    Args:
        series: As `binance/BTCUSDT/1d`; default: the settings'.
        as_of: Date of the last candle the forecasts may see; default: the newest complete one.
        now: The instant the run believes in; default: the clock's.
        overrides: Settings that win over coincast.toml and the environment.

    Raises:
        CoincastError: The only series failed, or nothing could be started.
        SeriesFailedError: Some of several series failed.
    """
    prepare_environment()
    current = configuration(overrides)
    wanted = parse_series(series, current.settings.series)
    day = parse_date(as_of, option="as_of") if as_of else None
    jobs = plan_jobs(current, wanted, as_of=day, now=parse_now(now))
    stores = open_stores(current.places)
    done: list[DoneDay] = []
    failures: dict[str, CoincastError] = {}
    for job in jobs:
        try:
            with explained():
                done.append(forecast_series(job, stores))
        except CoincastError as error:
            log.error("%s: %s", job.series, error)
            failures[str(job.series)] = error
    outcomes = _publish(done, stores) if done else []
    if not failures:
        return outcomes
    if len(jobs) == 1:
        raise next(iter(failures.values()))
    raise SeriesFailedError(outcomes, {name: str(error) for name, error in failures.items()})


def forecast_series(job: Job, stores: Stores) -> DoneDay:
    """One series from download to score; what the ledger holds already is not made again."""
    watch = Stopwatch()
    name = str(job.series)
    with watch.stage(name, "download"):
        snapshot = tasks.download(job, stores)
    with watch.stage(name, "check"):
        day = tasks.check(job, stores, snapshot)
    registration = None
    if not is_issued(job, day.market, stores.ledger):
        with watch.stage(name, "features"):
            grid = tasks.features(day)
        with watch.stage(name, "train"):
            model = tasks.train(job, grid, job.fit_day(day.market.as_of))
        with watch.stage(name, "evaluate"):
            evaluation = tasks.evaluate(job, grid, day.market.as_of)
        with watch.stage(name, "register"):
            registration = tasks.register(day, stores, grid, model=model, evaluation=evaluation)
        with watch.stage(name, "forecast"):
            tasks.forecast(day, stores, grid, registration)
    with watch.stage(name, "score"):
        scored = tasks.score(day, stores)
    return DoneDay(day, registration, scored, watch)


def _publish(done: Sequence[DoneDay], stores: Stores) -> list[DayOutcome]:
    """One publication of all; its seconds are counted to the last series."""
    watch = done[-1].watch
    with watch.stage(f"{len(done)} series", "publish"), explained():
        publication = tasks.publish([one.day for one in done], stores)
    return [describe(one, stores, publication) for one in done]
