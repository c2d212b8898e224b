"""The flow `daily`: what the deployment runs every day, and `coincast daily` and `coincast demo` at once."""

from typing import Any

from flows.day.fits import fit_pool
from flows.day.outcome import DayOutcome
from flows.day.run import run_series
from flows.day.waiting import Waiting
from flows.edges.configuration import configuration
from flows.edges.machine.runtime import prepare_environment
from flows.inputs.arguments import parse_date, parse_now, parse_series
from flows.inputs.failures import raise_failures
from flows.inputs.form_fields import DateText, InstantText, SeriesText
from flows.inputs.request import plan_jobs
from flows.inputs.stores import open_stores
from flows.publishing.metrics import tell_monitoring
from flows.tasks.flow_policy import flow


@flow(name="daily")
def daily(
    series: list[SeriesText] | None = None,
    as_of: DateText | None = None,
    now: InstantText | None = None,
    overrides: dict[str, Any] | None = None,
    wait: bool = False,
) -> list[DayOutcome]:
    """Download, check, train, evaluate, register, forecast, score and publish each series.

    Args:
        series: As `binance/BTCUSDT/1d`; default: the settings'.
        as_of: Date of the last candle the forecasts may see; default: the newest complete one.
        now: The instant the run believes in; default: the clock's.
        overrides: Settings that win over coincast.toml and the environment.
        wait: Whether a late source is waited for, as long as the settings say.

    Raises:
        CoincastError: The only series failed, or nothing could be started.
        SeriesFailedError: Some of several series failed.
    """
    prepare_environment()
    current = configuration(overrides)
    wanted = parse_series(series, current.settings.series)
    day = parse_date(as_of, option="as_of") if as_of else None
    jobs = plan_jobs(current, wanted, as_of=day, now=parse_now(now))
    waiting = Waiting.of(current.settings) if wait else Waiting()
    stores = open_stores(current.places)
    with fit_pool(jobs) as pool:
        daily_run = run_series(jobs, stores, waiting, pool)
    seconds = {outcome.series: outcome.seconds for outcome in daily_run.outcomes}
    tell_monitoring(jobs, stores, seconds, failed=list(daily_run.failures))
    raise_failures(daily_run.outcomes, daily_run.failures)
    return daily_run.outcomes
