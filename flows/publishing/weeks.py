"""A series' week from its stores, and a week's report for readers: page, MLflow run, artifacts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from flows.edges.configuration import Configuration
from flows.edges.files.targets import publish, read_published
from flows.edges.machine.site_address import shown_place
from flows.edges.tracking.experiments import Experiment, tracked_run
from flows.inputs.stores import Stores
from flows.publishing.alarms import series_alarms, usual_model
from flows.publishing.reading import read_former
from flows.publishing.vendor_revisions import vendor_changes
from flows.reporting.artifacts import show_link, show_note, show_table
from pipeline.candles.columns import DATE
from pipeline.forecasts.columns import BACKFILL, BY_GATE, HORIZON, LIVE, TARGET_DATE
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.monitoring.week import (
    DAYS,
    DayMark,
    GateDay,
    SeriesWeek,
    WeekHealth,
    missing_days,
    score_week,
    week_days,
)
from pipeline.page.formats import written
from pipeline.page.latest import LATEST, Latest, read_latest
from pipeline.page.merging import merge_publication
from pipeline.page.weekly import WEEKLY, render_week, week_files, week_markdown
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame

EXPERIMENT: Final = "weekly-report"
_ONE_DAY: Final = timedelta(days=1)
_VERDICTS: Final = ("ok", "warning", "critical")


@dataclass(frozen=True)
class WeekReport:
    """Where a week's report lies.

    Attributes:
        week: As `2026-W13`.
        outcome: `new`, or `unchanged` where the page was published already, byte for byte.
        page: Its place.
        run_url: The MLflow run.
        rows: A line for each series.
    """

    week: str
    outcome: str
    page: str
    run_url: str
    rows: tuple[dict[str, object], ...]


def sum_up_week(
    series: Series, stores: Stores, configuration: Configuration, *, monday: date, now: datetime
) -> SeriesWeek:
    """What the stores say of a series' week; one that cannot be shown fails here, where it stops no other.

    Args:
        series: Whose.
        stores: Ledger, snapshots and runs.
        configuration: Which model is usual, and when a source is stale.
        monday: The week's first day.
        now: The instant to judge alarms at.
    """
    settings, last = configuration.settings, monday + timedelta(days=DAYS - 1)
    scores = stores.ledger.scores(series, since=monday, until=last)
    published = stores.ledger.published_models(
        series, since=monday - timedelta(days=max(HORIZONS)), until=last
    )
    live, backfill = (
        score_week(
            scores, series=series, monday=monday, mode=mode, published=published, usual=usual_model(settings)
        )
        for mode in (LIVE, BACKFILL)
    )
    experiment = stores.tracking.find_experiment(series.slug)
    tags = _run_tags(experiment, monday) if experiment else {}
    alarms = series_alarms(stores.ledger, stores.snapshots, series, settings=settings, now=now)
    week = SeriesWeek(
        series=series,
        monday=monday,
        live=live,
        backfill=backfill,
        decisions=tuple(_decisions(series, stores, monday, tags)),
        health=_health(
            series, stores, monday, verdicts=[one.get("data_contract", "") for one in tags.values()]
        ),
        alarms=alarms,
        marks=_marks(series, stores, monday, scores, usual=usual_model(settings)),
    )
    render_week([week])
    return week


def report_week(
    weeks: Sequence[SeriesWeek],
    stores: Stores,
    configuration: Configuration,
    *,
    missing: Sequence[Series] = (),
) -> WeekReport:
    """Publish `weekly.html`, keep page and table in an MLflow run, and show them in the Prefect UI.

    The index leads to the page from then on. The same page is kept in one run, however often it is made.

    Args:
        weeks: Of the same week, one for each series.
        stores: Where the run is kept.
        configuration: Where the page is published.
        missing: Series whose week could not be summed up.
    """
    rows = tuple(week.as_row() for week in weeks)
    week, markdown = weeks[0].name, week_markdown(weeks, missing=missing)
    target = configuration.places.publish_url
    before = read_latest(read_published([LATEST], target).get(LATEST, b""))
    pages = week_files(weeks, missing=missing, earlier=[one for one in before.weeks if one < week])
    page = pages[WEEKLY]
    files = {**pages, **written(Latest(week=week, weeks=(week,)))}
    publication = publish(files, target, merge=merge_publication)
    report = WeekReport(
        week=week,
        outcome=publication.outcome,
        page=shown_place(configuration.places, publication.target, WEEKLY),
        run_url=_keep(stores.tracking.experiment(EXPERIMENT), weeks, page, note=markdown),
        rows=rows,
    )
    show_note("weekly-report", markdown, f"{report.week}: the week in words.")
    show_table("weekly-report-series", rows, f"{report.week}: one line a series.")
    show_link("weekly-report-mlflow", report.run_url, f"{report.week}: mlflow")
    show_link("weekly-report-page", report.page, f"{report.week}: page")
    return report


def _marks(
    series: Series, stores: Stores, monday: date, scores: "DataFrame", *, usual: str
) -> tuple[DayMark, ...]:
    """What became of the next day's range on each day of the week, of the model that was published."""
    former = read_former(
        stores.ledger, series, scores, since=monday - _ONE_DAY, until=monday + 5 * _ONE_DAY, usual=usual
    )
    said = {
        row.target_date: DayMark(row.target_date, row.outcome, row.mode)
        for one in former
        for row in one.next_day
    }
    return tuple(said.get(day, DayMark(day)) for day in week_days(monday))


def _run_tags(experiment: Experiment, monday: date) -> dict[date, dict[str, str]]:
    """Tags of the newest finished fit of each day whose forecast is about the week's days, by as_of."""
    found: dict[date, dict[str, str]] = {}
    for day in week_days(monday - _ONE_DAY):
        runs = experiment.find_runs(tags={"as_of": day.isoformat()}, status="FINISHED", limit=1)
        if runs:
            found[day] = runs[0].tags
    return found


def _decisions(
    series: Series, stores: Stores, monday: date, tags: Mapping[date, Mapping[str, str]]
) -> Iterator[GateDay]:
    """The gate's last on each day by the ledger, or by the day's run where the ledger is older."""
    for day in week_days(monday - _ONE_DAY):
        said = stores.ledger.decisions(series, as_of=day)[:1]
        published = stores.ledger.publication(series, as_of=day)
        run = tags.get(day, {})
        # A baseline that was configured since has taken the place of what the gate decided.
        if said and (published is None or published.chosen_by == BY_GATE):
            yield GateDay(day, said[0].promoted, said[0].publish, said[0].text)
        elif "gate" in run:
            yield GateDay(
                day, run["gate"] == "promoted", run.get("gate_publish", ""), run.get("gate_reasons", "")
            )


def _health(series: Series, stores: Stores, monday: date, *, verdicts: Sequence[str]) -> WeekHealth:
    days, last = set(week_days(monday)), monday + timedelta(days=DAYS - 1)
    rows = stores.ledger.forecasts(series, since=monday - _ONE_DAY, until=last - _ONE_DAY, mode=LIVE)
    said = {stamp.date() for stamp in rows.loc[rows[HORIZON] == 1, TARGET_DATE]}
    seen = [
        change
        for change in vendor_changes(series, stores.snapshots, stores.ledger, since=monday)
        if change.new.since.date() <= last
    ]
    return WeekHealth(
        candles=len(days & _candle_days(series, stores)),
        unforecast=missing_days(monday, said),
        restated=sum(len(change.revisions.restated_days) for change in seen),
        contract=max((one for one in verdicts if one in _VERDICTS), key=_VERDICTS.index, default=""),
    )


def _candle_days(series: Series, stores: Stores) -> set[date]:
    newest = stores.snapshots.latest(series)
    if newest is None:
        return set()
    return {stamp.date() for stamp in stores.snapshots.reading(newest).candles[DATE]}


def _keep(experiment: Experiment, weeks: Sequence[SeriesWeek], page: bytes, *, note: str) -> str:
    tags = {"week": weeks[0].name, "page": sha256(page).hexdigest()}
    if there := experiment.find_runs(tags=tags, status="FINISHED", limit=1):
        return there[0].url
    with tracked_run(experiment, weeks[0].name, tags=tags) as run:
        run.log_metrics(_totals(weeks))
        run.log_table([week.as_row() for week in weeks], "series")
        run.log_json([week.as_dict() for week in weeks], "weeks")
        run.log_text(page.decode(), WEEKLY)
        run.set_note(note)
    return run.url


def _totals(weeks: Sequence[SeriesWeek]) -> dict[str, float]:
    """Over all series: few numbers, so that weeks can be compared with one another."""
    live = [week.live for week in weeks if week.live]
    days = sum(score.days for score in live)
    ratios = [score.relative_wis for score in live if score.relative_wis is not None]
    return {
        "series": len(weeks),
        "days_scored": days,
        "days_compared": sum(score.compared_days for score in live),
        "days_unforecast": sum(len(week.health.unforecast) for week in weeks),
        "alarms": sum(len(week.alarms) for week in weeks),
        "promoted": sum(one.promoted for week in weeks for one in week.decisions),
        **({"held_80_share": sum(score.held[80] for score in live) / days} if days else {}),
        **({"relative_wis_mean": sum(ratios) / len(ratios)} if ratios else {}),
    }
