"""What the stores say of a day, as files for readers: hub, latest.json and pages.

Each series stands by itself: one that cannot be drawn has a short page that says so, and stops no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pandas as pd

from expectations.verdict import Verdict
from flows.edges.clock import clock
from flows.edges.files.targets import publish, taken
from flows.edges.http.webhook import announce
from flows.edges.ledger.publications import Publication as Choice
from flows.edges.sources.registry import attribution, chosen
from flows.edges.tracking.experiments import Experiment
from flows.inputs.failures import kept
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.alarms import series_alarms
from flows.publishing.reading import read_former
from flows.publishing.series_pages import PublishedDays, draw_page, short_content
from flows.reporting.progress import log
from pipeline.addresses.address import Address
from pipeline.candles.columns import CLOSE, DATE, FILLED
from pipeline.candles.filling import days_by_source
from pipeline.errors import CoincastError, PublishError, StoreError
from pipeline.evaluation.gate import CONFIGURED
from pipeline.forecasts.columns import BY_RECIPE, MODEL_ID, RANDOM_WALK
from pipeline.forecasts.current import current_forecasts
from pipeline.forecasts.manifest import Manifest
from pipeline.hub.files import hub_files, join_hub_files, target_data_files
from pipeline.models.registry import issued_recipes
from pipeline.monitoring.alarms import Alarm
from pipeline.page.assembly import WINDOW_DAYS, build_record
from pipeline.page.content import Close, DataCheck, DataHealth, GateDecision, Issue, SeriesContent
from pipeline.page.merging import merge_publication
from pipeline.page.site import SeriesPage, full_page, site_files
from pipeline.recipes.base import Recipe
from pipeline.series import Series

SHOWN_DAYS: Final = 120


@dataclass(frozen=True, eq=False)
class Day:
    """One series' day as it stands in the stores.

    Attributes:
        job: What was asked.
        market: What was seen.
        verdict: What the data contract says of it.
        restated_days: Days that the vendor changed in its newest file; 0 where there was no file before.
    """

    job: Job
    market: Market
    verdict: Verdict
    restated_days: int


def publish_days(
    days: Sequence[Day], stores: Stores, *, more: Mapping[str, bytes] | None = None
) -> PublishedDays:
    """Publish these days and tell the webhook, if anything changed.

    Args:
        days: At least one; of several days of a series the last has the page.
        stores: What they are made of.
        more: Hub files of other days, to be published with them.

    Raises:
        PublishError: The target refused; the previous publication stands.
        DiskFullError: There is no room; the previous publication stands.
    """
    failures: dict[str, CoincastError] = {}
    files = dict(more or {})
    for day in days:
        with kept(failures, str(day.job.series)):
            files = join_hub_files(files, _hub(day, _current_rows(day, stores)))
    shown = {day.job.series: day for day in days}.values()
    pages = [_page(day, stores, failures) for day in shown]
    target = days[0].job.configuration.places.publish_url
    pages = _without_taken(pages, target, failures)
    files |= site_files(pages)
    publication = publish(files, target, merge=merge_publication)
    warnings = _announce(pages, day=days[0]) if publication.outcome == "new" else ()
    return PublishedDays(publication, failures, warnings)


def _without_taken(
    pages: list[SeriesPage], target: Address, failures: dict[str, CoincastError]
) -> list[SeriesPage]:
    """The pages whose names are ours to write; if none is, all of them, which the target then refuses."""
    foreign = taken([name for one in pages for name in one.names], target)
    free = [one for one in pages if not foreign.keys() & set(one.names)]
    if not free:
        return pages
    for one in pages:
        if one not in free:
            refused = next(foreign[name] for name in one.names if name in foreign)
            failures.setdefault(one.entry["series"], PublishError(refused))
    return free


def _page(day: Day, stores: Stores, failures: dict[str, CoincastError]) -> SeriesPage:
    return draw_page(
        lambda: full_page(_content(day, stores, _current_rows(day, stores))),
        short_content(day.job.series, day.market.as_of, _sources(day), simulated_time=day.job.simulated_time),
        stores.ledger,
        usual=day.job.recipe.model_id,
        failures=failures,
    )


def _current_rows(day: Day, stores: Stores) -> pd.DataFrame:
    return stores.ledger.forecasts(day.job.series, since=day.market.as_of, until=day.market.as_of)


def _content(day: Day, stores: Stores, rows: pd.DataFrame) -> SeriesContent:
    job, market = day.job, day.market
    series = job.series
    forecasts = current_forecasts(rows)
    publication = stores.ledger.publication(series, as_of=market.as_of)
    published = publication.model_id if publication else job.recipe.model_id
    if published not in forecasts:
        raise StoreError(
            f"The ledger has no whole forecast of {published} as of {market.as_of}, which was published; "
            f"run `coincast daily --series {series} --as-of {market.as_of}`."
        )
    own = rows[rows[MODEL_ID] == published].sort_values("now").iloc[0]
    manifest = stores.ledger.manifest(own["manifest_id"])
    experiment = stores.tracking.experiment(series.slug)
    first = market.as_of - timedelta(days=2 * WINDOW_DAYS)
    scores = stores.ledger.scores(series, since=first, until=market.as_of)
    records = {
        mode: build_record(scores, series=series, model_id=published, mode=mode, as_of=market.as_of)
        for mode in ("live", "backfill")
    }
    return SeriesContent(
        series=series,
        forecast=forecasts[published],
        issue=_issue(own, manifest, experiment),
        closes=_closes(market),
        health=_health(day),
        gate=_gate(stores, series, publication, run_id=str(own["run_id"])),
        random_walk=None if published == RANDOM_WALK else forecasts.get(RANDOM_WALK),
        live=records["live"],
        backfill=records["backfill"],
        alarms=_alarms(job, stores),
        simulated=series.simulated,
        publish_truth=job.configuration.settings.publish_truth or series.simulated,
        attribution=attribution(series, _sources(day)),
        former=read_former(
            stores.ledger,
            series,
            scores,
            # Whole months: a page of one is never cut.
            since=(market.as_of - timedelta(days=WINDOW_DAYS)).replace(day=1),
            until=market.as_of,
            usual=job.recipe.model_id,
        ),
        site_url=job.configuration.settings.site_url,
    )


def _issue(row: pd.Series, manifest: Manifest, experiment: Experiment) -> Issue:
    return Issue(
        issued_at=row["issued_at"].to_pydatetime(),
        now=row["now"].to_pydatetime(),
        vintage=row["vintage"],
        model_version=row["model_version"],
        recipe_title=manifest.recipe["title"],
        trained_as_of=manifest.trained_as_of,
        run_id=row["run_id"],
        run_url=experiment.run_url(row["run_id"]),
        manifest_id=row["manifest_id"],
        simulated_time=bool(row["simulated_time"]),
    )


def _closes(market: Market) -> tuple[Close, ...]:
    newest = market.grid.tail(SHOWN_DAYS)
    return tuple(
        Close(day.date(), float(price), bool(filled))
        for day, price, filled in zip(newest[DATE], newest[CLOSE], newest[FILLED], strict=True)
    )


def _health(day: Day) -> DataHealth:
    market = day.market
    grid = market.grid
    calendar_days = (market.candles[DATE].iloc[-1] - market.candles[DATE].iloc[0]).days + 1
    return DataHealth(
        source="a simulated market" if day.job.series.simulated else _source(day),
        snapshot=market.snapshot.sha256,
        fetched_at=market.snapshot.fetched_at,
        first=market.candles[DATE].iloc[0].date(),
        last=market.as_of,
        candles=len(market.candles),
        missing_days=calendar_days - len(market.candles),
        filled_days=int(grid[FILLED].sum()),
        restated_days=day.restated_days,
        warnings=_warnings_of_file(market),
        checks=tuple(
            DataCheck(check.name, check.success, check.severity, check.message)
            for check in day.verdict.checks
        ),
        filled_from=days_by_source(market.account.filled_from, until=market.as_of.isoformat()),
    )


def _warnings_of_file(market: Market) -> tuple[str, ...]:
    """The reader's sentences; they count the whole file, which may go on after the forecast's day."""
    account, last = market.account, market.as_of.isoformat()
    if account.last is None or account.last[: len(last)] <= last:
        return account.warnings
    return tuple(f"In the whole file, to {account.last}: {warning}" for warning in account.warnings)


def _sources(day: Day) -> tuple[str, ...]:
    """Names of the sources whose candles are in use."""
    return day.market.account.sources or (day.job.configuration.settings.sources[0].name,)


def _source(day: Day) -> str:
    """The first source's address, and the names of the others whose candles are in use."""
    choice = chosen(day.job.configuration.settings, day.job.source)
    return " and ".join([str(choice.first), *(name for name in _sources(day) if name != choice.order[0])])


def _gate(stores: Stores, series: Series, choice: Choice | None, *, run_id: str) -> GateDecision:
    """The decision as the ledger keeps it, or its run where the ledger is older; a configured baseline has none."""
    if choice is not None and choice.chosen_by == BY_RECIPE:
        return GateDecision(promoted=False, reasons=(CONFIGURED,), configured=True)
    judged = choice.run_id if choice is not None and choice.run_id else run_id
    if said := stores.ledger.decisions(series, run_id=judged):
        return GateDecision(promoted=said[0].promoted, reasons=(said[0].text,))
    tags = stores.tracking.experiment(series.slug).run_tags(judged)
    if "gate" not in tags:
        return GateDecision(
            promoted=False, reasons=("The run that holds the gate's decision is no longer kept.",)
        )
    return GateDecision(promoted=tags["gate"] == "promoted", reasons=(tags["gate_reasons"],))


def _alarms(job: Job, stores: Stores) -> tuple[Alarm, ...]:
    """Alarms that change once a day at most, so that publishing twice on a day changes nothing."""
    return series_alarms(
        stores.ledger,
        stores.snapshots,
        job.series,
        settings=job.configuration.settings,
        now=job.midnight,
    )


def _hub(day: Day, rows: pd.DataFrame) -> dict[str, bytes]:
    forecasts = list(current_forecasts(rows).values())
    recipes = published_recipes(day.job.recipe)
    known = [one for one in forecasts if one.model_id in recipes]
    files = hub_files(
        known,
        now=rows["now"].min().to_pydatetime(),
        recipes=recipes.values(),
        simulated=day.job.series.simulated,
    )
    if day.job.configuration.settings.publish_truth:
        closes = zip(day.market.candles[DATE], day.market.candles[CLOSE], strict=True)
        files |= target_data_files({(at.date(), day.job.series.slug): float(close) for at, close in closes})
    return files


def published_recipes(recipe: Recipe) -> dict[str, Recipe]:
    """What a hub may describe, by model_id: the baselines and the recipe."""
    return {one.model_id: one for one in issued_recipes(recipe)}


def _announce(pages: Sequence[SeriesPage], *, day: Day) -> tuple[str, ...]:
    """What became of telling the webhook, where that is to be known."""
    settings = day.job.configuration.settings
    told = announce(
        settings.webhook_url,
        {
            "event": "published",
            "series": {one.entry["series"]: one.entry["as_of"] for one in pages if one.drawn},
            "undrawn": {one.entry["series"]: one.entry["as_of"] for one in pages if not one.drawn},
            "simulated": any(one.entry["simulated"] for one in pages),
        },
        secret=settings.webhook_secret.get_secret_value(),
        sent_at=clock(),
    )
    if told.outcome != "failed":
        return ()
    warning = f"The webhook was not told of the publication: {told.reason.rstrip('.')}."
    log.warning("%s", warning)
    return (warning,)
