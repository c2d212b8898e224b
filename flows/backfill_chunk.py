"""A chunk of a backfill, worked on by one process: claim a unit, make it, write it down, until none is left."""

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from threading import Event, Lock, Thread
from typing import Final

import pandas as pd

from expectations.checking import check_candles
from expectations.verdict import Verdict
from flows.backfill_plan import BackfillStores, open_backfill_stores
from flows.edges.backfill_units import Backfill, Claim
from flows.edges.clock import clock
from flows.edges.configuration import Configuration, configuration
from flows.edges.runtime import prepare_environment
from flows.faults import explained
from flows.jobs import Job
from flows.market import Market, read_market
from flows.progress import log
from flows.publication import midnight
from flows.registration import RegisteredFit, manifest_of
from flows.reproduction import kept_recipe
from flows.stages import baselines, checked_forecasts, issue_context, train
from pipeline.candles.columns import DATE
from pipeline.errors import CoincastError, DateError, StoreError, TooLittleHistoryError
from pipeline.recipes.base import Recipe
from pipeline.series import Series

# A fit in a thread beside another fit would have other bits.
_ONE_AT_A_TIME: Final = Lock()
_BEATS_A_LEASE: Final = 3


@dataclass(frozen=True, eq=False)
class _Seen:
    """A snapshot as it was read: its candles, their grid, and what the contract says of all of them."""

    job: Job
    market: Market
    grid: pd.DataFrame
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Fits of one day on one snapshot, or why there are none.

    Attributes:
        key: Series, snapshot and fit day.
        fits: The baselines' and the recipe's.
        error: What the fit raised; it is raised for each unit that needs it.
    """

    key: tuple[Series, str, date]
    fits: Sequence[RegisteredFit] = ()
    error: CoincastError | None = None


@dataclass(eq=False)
class ChunkWorker:
    """One process' work on a backfill; the last snapshot and the last fit are kept warm between its chunks.

    Attributes:
        backfill: What was asked for.
        stores: Where units, snapshots and forecasts are kept.
        settings: Of this machine; the backfill's own choices win.
        owner: By which this worker's leases are told.
        on_unit: Told after each unit.
    """

    backfill: Backfill
    stores: BackfillStores
    settings: Configuration
    owner: str = field(
        default_factory=lambda: f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    )
    on_unit: Callable[[], None] = lambda: None
    _seen: _Seen | None = None
    _fitted: _Fitted | None = None

    def work(self, chunk: int) -> int:
        """Make the chunk's units until none is left to claim; how many were claimed."""
        claimed = 0
        with _ONE_AT_A_TIME, self._alive():
            while claim := self._claim(chunk):
                self._make(claim)
                claimed += 1
                self.on_unit()
        return claimed

    def _claim(self, chunk: int) -> Claim | None:
        return self.stores.units.claim(self.backfill, chunk, owner=self.owner, now=clock())

    def _make(self, claim: Claim) -> None:
        """Forecasts first, then the unit's state: killed in between, the same forecasts are issued again."""
        started = time.perf_counter()
        status, why, fit_s = "done", "", None
        try:
            with explained():
                fit_s = self._issue(claim)
        except (DateError, TooLittleHistoryError) as error:
            status, why = "refused", str(error)
        except CoincastError as error:
            status, why = "failed", str(error)
        except Exception as error:  # noqa: BLE001 - whatever breaks one unit must not stop the others
            log.exception("%s %s failed", claim.series, claim.as_of)
            status, why = "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        kept = self.stores.units.end(
            claim,
            status,
            owner=self.owner,
            now=clock(),
            why=why,
            fit_s=fit_s,
            total_s=time.perf_counter() - started,
        )
        log.info("%s %s: %s%s", claim.series, claim.as_of, status, f": {why}" if why else "")
        if not kept:
            log.warning("%s %s was taken over by another worker", claim.series, claim.as_of)

    def _issue(self, claim: Claim) -> float | None:
        """Write the unit's forecasts; seconds of the fit where it needed one."""
        seen = self._read(claim)
        self._require_sound(seen, claim.as_of)
        fitted, seconds = self._fit(seen, claim)
        if fitted.error is not None:
            raise fitted.error
        issued = checked_forecasts(seen.job, seen.grid, claim.as_of, fitted.fits)
        for source, said in zip(fitted.fits, issued, strict=True):
            context = issue_context(
                seen.job, seen.market, source, run_id=self.backfill.run_id, backfilled=True
            )
            self.stores.ledger.issue([said], issue=context)
        return seconds

    def _read(self, claim: Claim) -> _Seen:
        last = self._seen
        if last and (last.job.series, last.market.snapshot.sha256) == (claim.series, claim.snapshot_sha256):
            return last
        snapshot = self.stores.snapshots.find(claim.snapshot_sha256, claim.series)
        if snapshot is None:
            raise StoreError(
                f"The snapshot store does not know {claim.snapshot_sha256[:12]} of {claim.series};"
                " restore it from a backup."
            )
        job = job_of(self.backfill, claim.series, self.settings)
        market = replace(
            read_market(job, self.stores.snapshots, snapshot), vintage=self.backfill.request.vintage
        )
        verdict = _verdict(job, market, market.candles, market.as_of)
        self._seen = _Seen(job, market, market.grid, verdict)
        return self._seen

    def _require_sound(self, seen: _Seen, as_of: date) -> None:
        """Hold the candles up to a day against the contract, as the day itself would have.

        What is critical is said of rows: where all rows are sound, those up to any day are, and one check does.
        """
        if seen.verdict.severity != "critical":
            return
        past = seen.market.candles[seen.market.candles[DATE] <= pd.Timestamp(as_of)]
        _verdict(seen.job, seen.market, past, as_of).raise_if_critical()

    def _fit(self, seen: _Seen, claim: Claim) -> tuple[_Fitted, float | None]:
        """The fits that a unit needs, and the seconds that they took if they were made for it."""
        key = claim.series, claim.snapshot_sha256, claim.fit_day
        if self._fitted and self._fitted.key == key:
            return self._fitted, None
        started = time.perf_counter()
        try:
            self._fitted = _Fitted(key, _fits(seen, self.backfill, claim.fit_day))
        except CoincastError as error:
            self._fitted = _Fitted(key, error=error)
        return self._fitted, time.perf_counter() - started

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Renew this worker's leases while the body runs."""
        over = Event()

        def beat() -> None:
            while not over.wait(self.backfill.lease_s / _BEATS_A_LEASE):
                try:
                    self.stores.units.renew(self.backfill, owner=self.owner, now=clock())
                except StoreError as error:
                    log.warning("A lease could not be renewed, it is tried again: %s", error)

        thread = Thread(target=beat, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def work_chunk(backfill_id: str, chunk: int) -> int:
    """Work on a chunk in this process, whoever calls: a pool, a Prefect run, a Dask worker.

    Returns:
        How many units were claimed.
    """
    prepare_environment()
    return worker_of(backfill_id).work(chunk)


def worker_of(backfill_id: str) -> ChunkWorker:
    """A worker on that backfill, by this machine's settings.

    Raises:
        InputError: There is no such backfill.
        StoreError: A store does not answer.
    """
    if _workers.get(backfill_id) is None:
        settings = configuration()
        stores = open_backfill_stores(settings)
        _workers.clear()
        _workers[backfill_id] = ChunkWorker(stores.units.find(backfill_id), stores, settings)
    return _workers[backfill_id]


# One is kept, so that a process' next chunk finds its snapshot and fit warm.
_workers: dict[str, ChunkWorker] = {}


def job_of(backfill: Backfill, series: Series, settings: Configuration) -> Job:
    """A series' day as the backfill sees it."""
    request = backfill.request
    chosen = settings.settings.model_copy(update={"seed": request.seed, "refit_every": request.refit_every})
    recipe: Recipe = kept_recipe(backfill.recipe)
    return Job(
        series=series,
        source=request.source,
        as_of=None,
        now=backfill.now,
        simulated_time=False,
        recipe=recipe,
        seed=request.seed,
        configuration=replace(settings, settings=chosen),
    )


def _fits(seen: _Seen, backfill: Backfill, fit_day: date) -> Sequence[RegisteredFit]:
    """The baselines' and the recipe's, which may be one of them."""
    job, market = seen.job, seen.market
    made = baselines(job, market, seen.grid, fit_day)
    if job.recipe.model_id in {one.model.model_id for one in made}:
        return made
    manifest = manifest_of(job, market, recipe=job.recipe, fit_day=fit_day)
    return [*made, RegisteredFit(train(job, seen.grid, fit_day), manifest, "-")]


def _verdict(job: Job, market: Market, candles: pd.DataFrame, as_of: date) -> Verdict:
    return check_candles(
        candles,
        series=job.series,
        as_of=as_of,
        now=midnight(job.now),
        account=market.account,
        stale_after_days=job.configuration.settings.stale_after_days,
    )
