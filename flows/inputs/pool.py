"""The pool of a day: the configured series whose candles are complete when one of them is forecast."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Final, TypeVar

from flows.edges.snapshots.store import Snapshot, SnapshotStore
from flows.inputs.arguments import parse_series
from flows.inputs.contract import check_market
from flows.inputs.market import DayPool, Market, is_in_time, read_market
from flows.inputs.request import Job
from flows.reporting.progress import log
from pipeline.errors import CoincastError, InputError
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.series import Series

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")
_Key = tuple[Series, str, date]
# Between the series of a run: a file is checked and its features are built once, and a pool is learned from once.
_markets: Final[dict[tuple[_Key, datetime], Market]] = {}
_grids: Final[dict[_Key, FeatureGrid]] = {}
_pools: Final[dict[tuple[_Key, ...], Pool]] = {}
_MOST_FILES: Final = 200
_MOST_POOLS: Final = 4


def day_pool(job: Job, market: Market, snapshots: SnapshotStore) -> DayPool | None:
    """The series that the job's day is learned from; None where its recipe is not pooled.

    A configured series is a member if its last good file, as it stands when the day is made, has a complete candle of
    the day, is sound by the data contract, and is of the day's vintage. A late or failing one is left out, which the
    log and the manifest say; nothing waits for it.
    """
    if not job.recipe.is_pooled:
        return None
    members = {job.series: market}
    for other in parse_series(None, job.configuration.settings.series):
        found = None if other in members else _member(job, other, market, snapshots)
        members |= {other: found} if found else {}
    keys = {series: (series, one.snapshot.sha256, market.as_of) for series, one in members.items()}
    grids = {
        series.slug: _keep(_grids, keys[series], partial(_features, one), most=_MOST_FILES)
        for series, one in members.items()
    }
    pool = _keep(_pools, tuple(sorted(keys.values(), key=str)), lambda: Pool.of(grids), most=_MOST_POOLS)
    return DayPool({series: one.snapshot.sha256 for series, one in members.items()}, pool)


def _member(job: Job, other: Series, market: Market, snapshots: SnapshotStore) -> Market | None:
    """The other series' market as the day may see it; None, said in the log, where it is no member."""
    day = replace(job, series=other, as_of=market.as_of)
    try:
        snapshot = snapshots.latest(other)
        if snapshot is None:
            raise InputError(f"{other} has no snapshot yet.")
        key = (other, snapshot.sha256, market.as_of), job.now if job.simulated_time else job.midnight
        found = _keep(_markets, key, lambda: _sound(day, snapshots, snapshot), most=_MOST_FILES)
        younger = market.vintage == "known" and not is_in_time(job, snapshots, snapshot)
    except CoincastError as error:
        log.warning("%s: the pool is without %s: %s", job.series, other, error)
        return None
    if younger:
        log.warning("%s: the pool is without %s: its file is younger than the run.", job.series, other)
        return None
    return found


def _features(market: Market) -> FeatureGrid:
    return FeatureGrid.of(market.grid)


def _sound(job: Job, snapshots: SnapshotStore, snapshot: Snapshot) -> Market:
    market = read_market(job, snapshots, snapshot)
    check_market(job, market).raise_if_critical()
    return market


def _keep(kept: dict[KeyT, ValueT], key: KeyT, make: Callable[[], ValueT], *, most: int) -> ValueT:
    """What is kept under a key, or is made now; the oldest go where there are too many."""
    if key not in kept:
        kept[key] = make()
    while len(kept) > most:
        del kept[next(iter(kept))]
    return kept[key]
