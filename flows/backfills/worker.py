"""A chunk of a backfill, worked on by one process: claim a unit, make it, write it down, until none is left."""

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from threading import Event, Lock, Thread
from typing import Final

import pandas as pd

from flows.backfills.fits import Fitted, Seen, fits_of, job_of
from flows.backfills.plan import BackfillStores, open_backfill_stores
from flows.day.issued_fits import checked_forecasts, issue_context
from flows.edges.backfill_store.units import Backfill, Claim
from flows.edges.configuration import Configuration, configuration
from flows.edges.machine.prefect_settings import apply_prefect_settings
from flows.edges.machine.runtime import prepare_environment
from flows.inputs.contract import check_market
from flows.inputs.failures import explained
from flows.inputs.market import read_market
from flows.reporting.progress import log
from pipeline.candles.columns import DATE
from pipeline.errors import CoincastError, DateError, StoreError, TooLittleHistoryError
from pipeline.features.feature_grid import FeatureGrid

# A fit in a thread beside another fit would have other bits.
_ONE_AT_A_TIME: Final = Lock()
_BEATS_A_LEASE: Final = 3


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
    _seen: Seen | None = None
    _fitted: Fitted | None = None

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
        return self.stores.units.claim(self.backfill, chunk, owner=self.owner, now=self.stores.units.now())

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
            now=self.stores.units.now(),
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

    def _read(self, claim: Claim) -> Seen:
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
        verdict = check_market(job, market)
        self._seen = Seen(job, market, FeatureGrid.of(market.grid), verdict)
        return self._seen

    def _require_sound(self, seen: Seen, as_of: date) -> None:
        """Hold the candles up to a day against the contract, as the day itself would have.

        What is critical is said of rows: where all rows are sound, those up to any day are, and one check does.
        """
        if seen.verdict.severity != "critical":
            return
        past = seen.market.candles[seen.market.candles[DATE] <= pd.Timestamp(as_of)]
        check_market(seen.job, seen.market, candles=past, as_of=as_of).raise_if_critical()

    def _fit(self, seen: Seen, claim: Claim) -> tuple[Fitted, float | None]:
        """The fits that a unit needs, and the seconds that they took if they were made for it."""
        key = claim.series, claim.snapshot_sha256, claim.fit_day
        if self._fitted and self._fitted.key == key:
            return self._fitted, None
        started = time.perf_counter()
        try:
            self._fitted = Fitted(key, fits_of(seen, claim.fit_day))
        except CoincastError as error:
            self._fitted = Fitted(key, error=error)
        return self._fitted, time.perf_counter() - started

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Renew this worker's leases while the body runs."""
        over = Event()

        def beat() -> None:
            while not over.wait(self.backfill.lease_s / _BEATS_A_LEASE):
                try:
                    self.stores.units.renew(self.backfill, owner=self.owner, now=self.stores.units.now())
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
    apply_prefect_settings()
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
