"""A backfill's plan from what the stores hold: nothing is downloaded and nothing is written."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from flows.edges.backfill_store.units import BackfillUnits
from flows.edges.configuration import Configuration
from flows.edges.files.recipe_files import named_recipe
from flows.edges.ledger.store import Ledger
from flows.edges.machine.versions import code_version, package_versions
from flows.edges.private_files import protect_home
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.base import require_base
from flows.edges.sql.database import Engine, find_database, open_database
from flows.inputs.arguments import parse_date, parse_series, require_daily
from flows.inputs.failures import explained
from pipeline.backfill.description import differences
from pipeline.backfill.holes import days_after_holes
from pipeline.backfill.plan import BackfillRequest, Known, Plan, View, plan_units
from pipeline.candles.columns import DATE
from pipeline.errors import DateError, InputError
from pipeline.forecasts.columns import complete_at
from pipeline.models.registry import issued_recipes, require_range
from pipeline.recipes.base import Recipe
from pipeline.series import Series

_DIFFERENCES_TOLD: Final = 3
_ONE_DAY: Final = timedelta(days=1)
_NOTHING: Final = Known(view=lambda _day: None, done=frozenset(), failed=frozenset())


@dataclass(frozen=True, eq=False)
class BackfillStores:
    """The stores that a plan is made from, and their database; MLflow is none of them."""

    engine: Engine
    snapshots: SnapshotStore
    ledger: Ledger
    units: BackfillUnits


def open_backfill_stores(configuration: Configuration) -> BackfillStores:
    """Open the database and the snapshots.

    Raises:
        StoreError: One of them does not answer or is damaged.
    """
    places = configuration.places
    with explained():
        protect_home(places.home, public=Path(places.publish_url))
    return _stores(open_database(places.database_url), configuration)


def find_backfill_stores(configuration: Configuration) -> BackfillStores | None:
    """The stores as they stand, for those who only read; None where nothing was ever stored.

    Raises:
        StoreError: One of them does not answer, is damaged, or has another revision than this coincast.
    """
    engine = find_database(configuration.places.database_url)
    return None if engine is None else _stores(engine, configuration)


def _stores(engine: Engine, configuration: Configuration) -> BackfillStores:
    snapshots = SnapshotStore(engine, configuration.places.snapshots_url)
    return BackfillStores(engine, snapshots, Ledger(engine), BackfillUnits(engine))


def backfill_request(
    configuration: Configuration, *, series: Sequence[str] | None, first: str, last: str, **choices: Any
) -> BackfillRequest:
    """What was asked for in words, checked; what was left open is the settings'.

    Args:
        configuration: Settings.
        series: As `binance/BTCUSDT/1d`; None for the settings'.
        first: First as_of, YYYY-MM-DD.
        last: Last as_of.
        choices: Other fields of `BackfillRequest`; None for the usual.

    Raises:
        InputError: Something cannot be done as asked.
    """
    settings = configuration.settings
    wanted = parse_series(series, settings.series)
    require_daily(wanted)
    begin, end = parse_date(first, option="--from"), parse_date(last, option="--to")
    if begin > end:
        raise DateError(f"The first day, {begin}, is after the last, {end}; turn them round.")
    usual = {name: getattr(settings, name) for name in ("source", "recipe", "seed", "refit_every")}
    given = {name: value for name, value in choices.items() if value is not None}
    try:
        request = BackfillRequest(
            series=tuple(str(one) for one in wanted), first=begin, last=end, **{**usual, **given}
        )
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"{fault['loc'][0]}: {fault['msg'][:200]}.") from error
    ranged_recipe(request, configuration)
    if "source" in given:
        require_base(request.source)
    return request


def ranged_recipe(request: BackfillRequest, configuration: Configuration) -> Recipe:
    """The recipe that is asked for.

    Raises:
        InputError: There is none, it forecasts no range, or it is pooled.
    """
    recipe = named_recipe(request.recipe, configuration.places)
    require_range(recipe)
    if recipe.is_pooled:
        raise InputError(
            f"{recipe.name} learns from several series, and a backfill makes each from its own file alone; backfill"
            " another recipe, or walk this one by `coincast backtest` with several --series."
        )
    return recipe


def make_plan(
    request: BackfillRequest, configuration: Configuration, stores: BackfillStores | None, *, now: datetime
) -> Plan:
    """What would be done at `now`; without stores there is no snapshot.

    Raises:
        InputError: The recipe cannot be backfilled.
        StoreError: A store is damaged.
    """
    recipe = ranged_recipe(request, configuration)
    known = {
        name: _known(request, Series.parse(name), recipe, stores, last_look=now) if stores else _NOTHING
        for name in request.series
    }
    return Plan(
        request=request,
        recipe=recipe.as_values(),
        now=now,
        code=code_version(),
        packages=package_versions(),
        units=plan_units(request, known, now=now),
    )


def checked_plan(plan: Plan, configuration: Configuration, stores: BackfillStores) -> Plan:
    """The same plan made now, if it still holds; units that were made meanwhile are skipped.

    Raises:
        InputError: Its units are others than its request's, or the stores, the recipe or coincast changed.
    """
    present = make_plan(plan.request, configuration, stores, now=plan.now)
    if found := differences(plan, present):
        more = f" and {len(found) - _DIFFERENCES_TOLD} more" if len(found) > _DIFFERENCES_TOLD else ""
        raise InputError(
            f"The plan no longer holds: {'; '.join(found[:_DIFFERENCES_TOLD])}{more}. Make the plan again."
        )
    return present


def model_ids(recipe: Recipe) -> tuple[str, ...]:
    """The models whose forecasts a unit makes: the recipe's and the baselines'."""
    return tuple(one.model_id for one in issued_recipes(recipe))


def _known(
    request: BackfillRequest, series: Series, recipe: Recipe, stores: BackfillStores, *, last_look: datetime
) -> Known:
    done = [
        stores.ledger.complete_days(series, model_id=one, since=request.first, until=request.last)
        for one in model_ids(recipe)
    ]
    return Known(
        view=_views(request, series, stores.snapshots, last_look=last_look, lookback=recipe.window_days),
        done=frozenset.intersection(*done),
        failed=stores.units.failed_days(series, recipe.model_id, since=request.first, until=request.last),
    )


def _views(
    request: BackfillRequest, series: Series, store: SnapshotStore, *, last_look: datetime, lookback: int
) -> Callable[[date], View | None]:
    """The snapshot that each day is made of: the newest, or what was to be used at the end of the day after."""
    vintages = [one for one in store.vintages(series, with_pruned=True) if one.since <= last_look]
    instants = [one.since for one in vintages]

    @cache
    def view(sha256: str) -> View:
        days = _candle_days(sha256, series, store)
        return View(sha256, days, days_after_holes(days, lookback=lookback))

    def known(day: date) -> View | None:
        place = (
            len(vintages)
            if request.vintage == "latest"
            else bisect_right(instants, complete_at(day + _ONE_DAY))
        )
        return view(vintages[place - 1].snapshot.sha256) if place else None

    return known


def _candle_days(sha256: str, series: Series, store: SnapshotStore) -> list[int]:
    """Days that the snapshot has a candle of; none where its file is not stored any more."""
    snapshot = store.find(sha256, series)
    if snapshot is None or sha256 not in store.stored():
        return []
    days: list[int] = (
        store.reading(snapshot).candles[DATE].to_numpy().astype("datetime64[D]").astype("int64").tolist()
    )
    return days
