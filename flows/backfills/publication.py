"""What readers see of a backfill: its days in the backfill hub, and its record on each series' page."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flows.edges.backfill_store.units import Backfill
from flows.edges.configuration import Configuration
from flows.edges.files.targets import Publication, publish
from flows.inputs.contract import check_market
from flows.inputs.failures import kept
from flows.inputs.market import read_market
from flows.inputs.request import plan_jobs
from flows.inputs.stores import Stores
from flows.publishing.publication import Day, publish_days, published_recipes
from flows.publishing.reproduction import kept_recipe
from flows.publishing.vendor_revisions import newest_file
from flows.reporting.progress import log
from pipeline.errors import CoincastError, DateError
from pipeline.forecasts.columns import AS_OF, BACKFILL
from pipeline.forecasts.current import current_forecasts
from pipeline.forecasts.forecast import Forecast
from pipeline.hub.files import hub_files, join_hub_files
from pipeline.page.merging import merge_hub
from pipeline.series import Series


def publish_backfill(
    backfill: Backfill,
    units: Sequence[Mapping[str, Any]],
    configuration: Configuration,
    stores: Stores,
    *,
    failures: dict[str, CoincastError],
) -> Publication | None:
    """One publication of all days that are done; None where none is.

    Args:
        backfill: Which.
        units: Its units as they stand.
        configuration: Where it is published.
        stores: What it is made of.
        failures: Gets why a series is not in the hub or has a short page, by series.

    Raises:
        PublishError: The target refused; the previous publication stands.
        DiskFullError: There is no room; the previous publication stands.
    """
    files: dict[str, bytes] = {}
    for name in backfill.request.series:
        done = [unit["as_of"] for unit in units if (unit["series"], unit["status"]) == (name, "done")]
        if done:
            with kept(failures, name):
                files = join_hub_files(files, _hub(backfill, Series.parse(name), done, stores))
    if not files:
        return None
    days: list[Day] = []
    for name in backfill.request.series:
        with kept(failures, name):
            days += _newest_day(name, configuration, stores)
    if not days:
        return publish(files, configuration.places.publish_url, merge=merge_hub)
    published = publish_days(days, stores, more=files)
    failures |= published.failures
    return published.publication


def _hub(backfill: Backfill, series: Series, done: Sequence[date], stores: Stores) -> dict[str, bytes]:
    recipes = published_recipes(kept_recipe(backfill.recipe))
    rows = stores.ledger.forecasts(
        series, since=min(done), until=max(done), model_ids=list(recipes), mode=BACKFILL
    )
    wanted = set(done)
    said: list[Forecast] = [
        forecast
        for day, group in rows.groupby(rows[AS_OF].dt.date)
        if day in wanted
        for forecast in current_forecasts(group).values()
    ]
    return hub_files(
        said, now=backfill.now, recipes=recipes.values(), simulated=series.simulated, backfilled=True
    )


def _newest_day(name: str, configuration: Configuration, stores: Stores) -> tuple[Day, ...]:
    """The day that the series' page shows, as it stands now; none where nothing was published yet."""
    series = Series.parse(name)
    publication = stores.ledger.publication(series)
    snapshot = stores.snapshots.latest(series)
    if publication is None or snapshot is None:
        return ()
    try:
        (job,) = plan_jobs(configuration, [series], as_of=publication.as_of, now=None)
        market = read_market(job, stores.snapshots, snapshot)
    except DateError as error:
        log.warning("The page of %s stays as it is: %s", name, error)
        return ()
    newest = newest_file(snapshot, stores.snapshots, stores.ledger)
    return (Day(job, market, check_market(job, market), newest.restated_days),)
