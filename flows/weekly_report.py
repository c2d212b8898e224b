"""The flow `weekly-report`: on Mondays, how the week's forecasts turned out."""

from datetime import date
from typing import Any

from flows.edges.clock import clock
from flows.edges.configuration import configuration
from flows.edges.machine.runtime import prepare_environment
from flows.inputs.arguments import parse_now, parse_series
from flows.inputs.failures import kept, raise_failures
from flows.inputs.form_fields import InstantText, SeriesText
from flows.inputs.stores import open_stores
from flows.publishing.weeks import WeekReport
from flows.tasks import day as tasks
from flows.tasks.flow_policy import flow
from pipeline.errors import CoincastError, DateError
from pipeline.monitoring.week import SeriesWeek, last_whole_week


@flow(name="weekly-report")
def weekly_report(
    series: list[SeriesText] | None = None,
    week: str | None = None,
    now: InstantText | None = None,
    overrides: dict[str, Any] | None = None,
) -> WeekReport | None:
    """Skill, coverage, gate decisions and data health of a week, as page, MLflow run and artifacts.

    Args:
        series: As `binance/BTCUSDT/1d`; default: the settings'.
        week: As `2026-W13`; default: the last one whose days are all over.
        now: The instant the run believes in; default: the clock's.
        overrides: Settings that win over coincast.toml and the environment.

    Returns:
        None where there is no series to speak of.

    Raises:
        DateError: Not a week, or one that is not over.
        CoincastError: The only series failed.
        SeriesFailedError: Some of several series failed.
    """
    prepare_environment()
    current = configuration(overrides)
    instant = parse_now(now) or clock()
    newest = last_whole_week(instant)
    monday = parse_week(week) if week else newest
    if monday > newest:
        raise DateError(
            f"The week {week} is not over at {instant:%Y-%m-%d %H:%M} UTC; leave it out for the last one."
        )
    stores = open_stores(current.places)
    wanted = parse_series(series, current.settings.series)
    weeks: list[SeriesWeek] = []
    failures: dict[str, CoincastError] = {}
    for one in wanted:
        with kept(failures, str(one)):
            weeks.append(tasks.sum_up_week(one, stores, current, monday=monday, now=instant))
    missing = [one for one in wanted if str(one) in failures]
    report = None
    if weeks:
        with kept(failures, "report"):
            report = tasks.report_week(weeks, stores, current, missing=missing)
    raise_failures(weeks if report else (), failures)
    return report


def parse_week(text: str) -> date:
    """Monday of a week written `2026-W13`.

    Raises:
        DateError: It is not one.
    """
    try:
        return date.fromisoformat(f"{text}-1")
    except ValueError:
        raise DateError(f"week is written as in 2026-W13; got {text[:40]!r}.") from None
