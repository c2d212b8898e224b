"""Who works on a backfill's chunks, and handing them out until nothing is left."""

import time
from collections.abc import Callable
from typing import Final

from flows.backfills.execution import Execution
from flows.backfills.executors import (
    Executor,
    in_processes,
    in_this_process,
    no_progress,
    on_dask,
    on_prefect,
)
from flows.backfills.plan import BackfillStores
from flows.backfills.worker import ChunkWorker
from flows.edges.backfill_store.chunk_runs import open_backfill_runs
from flows.edges.backfill_store.units import Backfill
from flows.edges.configuration import Configuration
from flows.reporting.progress import log

_ROUNDS_WITHOUT_PROGRESS: Final = 3


def drive(backfill: Backfill, stores: BackfillStores, executor: Executor) -> None:
    """Hand out chunks until no unit is pending and none is in a worker's hands.

    Raises:
        RunError: The workers do not get on.
    """
    units, rounds, before, waits = stores.units, 0, None, False
    while True:
        chunks = units.open_chunks(backfill.id, now=units.now())
        counts = units.counts(backfill.id)
        if chunks:
            rounds = rounds + 1 if counts == before else 0
            if rounds == _ROUNDS_WITHOUT_PROGRESS:
                raise no_progress(backfill.id)
            before, waits = counts, False
            executor(chunks)
        elif counts["running"]:
            # Another driver's worker has them, or a dead one had: their leases will tell.
            if not waits:
                _tell_wait(backfill, stores)
            waits = True
            time.sleep(min(1.0, backfill.lease_s / 4))
        else:
            return


def _tell_wait(backfill: Backfill, stores: BackfillStores) -> None:
    held, until = stores.units.counts(backfill.id)["running"], stores.units.held_until(backfill.id)
    log.info(
        "backfill %s: waiting for %d units in other workers' hands; where those are dead, until %s",
        backfill.id,
        held,
        until and until.isoformat(timespec="seconds"),
    )


def choose_executor(
    backfill: Backfill,
    configuration: Configuration,
    stores: BackfillStores,
    execution: Execution,
    tell: Callable[[], None],
) -> Executor:
    """What works on chunks, as the execution says; `tell` is called whenever units may have ended.

    Raises:
        InputError: Prefect's server is not named, or has no deployment for it.
        RunError: It does not answer.
    """
    if execution.executor == "prefect":
        runs = open_backfill_runs()
        return on_prefect(backfill, runs, at_once=execution.at_once, units=stores.units, on_look=tell)
    if execution.dask is not None:
        return on_dask(backfill.id, execution.dask, at_once=execution.at_once, on_chunk=tell)
    if execution.at_once > 1:
        return in_processes(backfill.id, count=execution.at_once, on_chunk=tell)
    return in_this_process(ChunkWorker(backfill, stores, configuration, on_unit=tell))
