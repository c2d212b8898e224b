"""What a run knows of a series' market: the snapshot, its candles, and the day it may look up to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from flows.edges.ledger.publications import Publication
from flows.edges.ledger.store import Ledger
from flows.edges.snapshots.store import Snapshot, SnapshotStore
from flows.inputs.request import Job
from pipeline.candles import Account, daily_grid
from pipeline.candles.columns import DATE
from pipeline.errors import DateError, InputError
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.series import Series


@dataclass(frozen=True, eq=False)
class DayPool:
    """The series that a pooled recipe learns from on a day.

    Attributes:
        snapshots: By series, the bytes that each was read from; that of the day's own series is the first.
        pool: Their days up to as_of.
    """

    snapshots: Mapping[Series, str]
    pool: Pool


@dataclass(frozen=True, eq=False)
class Market:
    """One series' candles as a run may see them.

    Attributes:
        snapshot: The bytes they were read from.
        candles: Complete candles up to `as_of`.
        truth: Complete candles at the run's `now`: what forecasts are scored against.
        account: What became of every row of the file.
        as_of: The last complete candle that a forecast may see.
        vintage: `known` or `latest`.
        pool: What a pooled recipe learns from; None for another recipe.
    """

    snapshot: Snapshot
    candles: pd.DataFrame
    truth: pd.DataFrame
    account: Account
    as_of: date
    vintage: str
    pool: DayPool | None = None

    @property
    def grid(self) -> pd.DataFrame:
        """Every calendar day up to `as_of`, holes filled causally and flagged."""
        return daily_grid(self.candles)

    def features(self, series: Series) -> FeatureGrid:
        """The grid with its features, beside the pool's where there is one; `series` is the market's own."""
        return FeatureGrid.of(self.grid) if self.pool is None else self.pool.pool.grid(series.slug)


def read_market(job: Job, snapshots: SnapshotStore, snapshot: Snapshot) -> Market:
    """The snapshot's candles, cut at the job's as_of.

    Raises:
        CandleFileError: The bytes are no candle file of this series.
        DateError: The file has no complete candle of that day.
        InputError: The series is not daily.
        StoreError: The snapshot is damaged.
    """
    if job.series.timeframe != "1d":
        raise InputError(f"{job.series}: daily forecasts are made of daily candles; write {job.series.exchange}/"
                         f"{job.series.symbol}/1d.")  # fmt: skip
    reading = snapshots.reading(snapshot)
    truth = _until(reading.candles, job.newest_complete)
    if truth.empty:
        raise DateError(
            f"{job.series} has no complete candle at {job.now:%Y-%m-%d %H:%M} UTC; choose a later --now."
        )
    as_of = job.as_of or truth[DATE].iloc[-1].date()
    candles = _until(truth, as_of)
    _require_day(job, truth, as_of)
    of_today = job.as_of in (None, job.newest_complete)
    vintage = "known" if of_today and is_in_time(job, snapshots, snapshot) else "latest"
    return Market(snapshot, candles, truth, reading.account, as_of, vintage)


def is_in_time(job: Job, snapshots: SnapshotStore, snapshot: Snapshot) -> bool:
    """Whether the bytes were there at the instant that the run believes in."""
    return not job.simulated_time or snapshots.usable_since(snapshot) <= job.now


def own_choice(job: Job, market: Market, ledger: Ledger) -> Publication | None:
    """What runs of such a recipe published of this day; None where none did.

    A baseline is published because it is the recipe. What the gate chose before a baseline came between stands
    for a recipe that the gate judges.
    """
    choice = ledger.publication(job.series, as_of=market.as_of, chosen_by=job.chosen_by)
    other_baseline = job.recipe.is_baseline and choice and choice.model_id != job.recipe.model_id
    return None if other_baseline else choice


def superseded_choice(job: Job, market: Market, ledger: Ledger) -> Publication | None:
    """What runs of such a recipe published of this day, where something else was published since."""
    choice = own_choice(job, market, ledger)
    return None if choice == ledger.publication(job.series, as_of=market.as_of) else choice


def is_issued(job: Job, market: Market, ledger: Ledger) -> bool:
    """Whether the ledger holds this day's forecast by the same recipe and seed from the same bytes, published."""
    rows = ledger.forecasts(
        job.series, since=market.as_of, until=market.as_of, model_ids=[job.recipe.model_id]
    )
    if rows.empty or own_choice(job, market, ledger) is None:
        return False
    newest = rows.sort_values("issued_at").iloc[-1]
    manifest = ledger.manifest(newest["manifest_id"])
    return bool(
        newest["snapshot_sha256"] == market.snapshot.sha256
        and manifest.seed == job.seed
        and manifest.recipe == job.recipe.as_values()
    )


def _until(candles: pd.DataFrame, last: date) -> pd.DataFrame:
    return candles[candles[DATE] <= pd.Timestamp(last)].reset_index(drop=True)


def _require_day(job: Job, truth: pd.DataFrame, as_of: date) -> None:
    days = truth[DATE]
    if (days == pd.Timestamp(as_of)).any():
        return
    first, last = days.iloc[0].date(), days.iloc[-1].date()
    where = "falls into a hole of the file" if first < as_of < last else f"is outside {first} … {last}"
    raise DateError(f"{job.series} has no complete candle of {as_of}: it {where}; choose another --as-of.")
