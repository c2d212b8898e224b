"""Who works on a backfill's chunks: this process, processes beside it, Prefect's workers, or a Dask cluster.

Each hands chunks out and comes back when those that it handed out are over or lost. What became of the units, the
units' table says: a chunk whose worker died is handed out again by whoever drives the backfill next.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

from flows.backfills.execution import Execution
from flows.backfills.worker import ChunkWorker, work_chunk
from flows.edges.backfill_store.chunk_runs import BackfillRuns, open_backfill_runs
from flows.edges.backfill_store.units import Backfill, BackfillUnits
from flows.edges.machine.warm_processes import warm_processes
from flows.reporting.progress import log
from pipeline.errors import InputError, RunError

Executor = Callable[[Sequence[int]], None]
# What Prefect's server takes in one request.
_MOST_A_REQUEST: Final = 100
_LOOK_EVERY_S: Final = 1.0
_SILENCE_S: Final = 300.0
_DASK_LIMIT: Final = "10s"


def in_this_process(worker: ChunkWorker) -> Executor:
    """One chunk after the other, here: everything stays warm."""

    def run(chunks: Sequence[int]) -> None:
        for chunk in chunks:
            worker.work(chunk)

    return run


def in_processes(backfill_id: str, *, count: int, on_chunk: Callable[[], None]) -> Executor:
    """So many processes beside this one, each warm. Never threads: two fits in one process have other bits.

    Each is a pool of its own: where one process of a pool dies, Python ends the others with it.
    """

    def run(chunks: Sequence[int]) -> None:
        waiting = list(chunks)
        with ExitStack() as pools:
            idle = [pools.enter_context(warm_processes(1)) for _ in waiting[:count]]
            going: dict[Future[int], ProcessPoolExecutor] = {}
            while waiting or going:
                while waiting and idle:
                    pool = idle.pop()
                    going[pool.submit(work_chunk, backfill_id, waiting.pop(0))] = pool
                for done in wait(going, return_when=FIRST_COMPLETED).done:
                    pool = going.pop(done)
                    idle.append(pool if _outlived(done) else pools.enter_context(warm_processes(1)))
                    on_chunk()

    return run


def _outlived(chunk: Future[int]) -> bool:
    """Whether the process that worked on a chunk is still there; what the chunk raised is raised."""
    try:
        chunk.result()
    except BrokenProcessPool:
        log.warning("A worker's process died; its unit is tried again when its lease has run out.")
        return False
    return True


def on_prefect(
    backfill: Backfill,
    runs: BackfillRuns,
    *,
    at_once: int,
    units: BackfillUnits,
    on_look: Callable[[], None],
) -> Executor:
    """Runs of the deployment `backfill-chunk`, a few at a time, so that other work of the server is not held up.

    A chunk is over when the units' table says so, whatever Prefect believes of its run. Not waited for is a run
    that ended, and one whose worker held a lease and let it run out: killed with its worker, it is *Running* for ever.

    Args:
        backfill: Which.
        runs: The deployment.
        at_once: Most runs that are scheduled or going on.
        units: Their states.
        on_look: Told after each look.
    """

    def run(chunks: Sequence[int]) -> None:
        waiting, handout = list(chunks), uuid.uuid4().hex
        going: dict[str, int] = {}
        alive: dict[int, float] = {}
        heard = time.monotonic()
        while waiting or going:
            try:
                room = min(_MOST_A_REQUEST, at_once - len(going))
                if waiting and room > 0:
                    created = runs.submit(backfill.id, waiting[:room], handout=handout)
                    going |= created
                    waiting = [chunk for chunk in waiting if chunk not in created.values()]
                over = runs.over(going)
                heard = time.monotonic()
            except RunError as error:
                over = frozenset()
                if time.monotonic() - heard > _SILENCE_S:
                    raise
                log.warning("%s It is asked again.", error)
            alive |= dict.fromkeys(units.live_chunks(backfill.id, now=units.now()), time.monotonic())
            lost = {chunk for chunk, at in alive.items() if time.monotonic() - at > backfill.lease_s}
            still = units.unfinished_chunks(backfill.id) - lost
            going = {name: chunk for name, chunk in going.items() if chunk in still and name not in over}
            waiting = [chunk for chunk in waiting if chunk in still]
            on_look()
            if waiting or going:
                # A look at hundreds of runs is work for the server too.
                time.sleep(_LOOK_EVERY_S * max(1.0, len(going) / _MOST_A_REQUEST))

    return run


def on_dask(backfill_id: str, address: str, *, at_once: int, on_chunk: Callable[[], None]) -> Executor:
    """A Dask cluster whose workers have this project, its environment and its stores.

    Args:
        backfill_id: Which.
        address: Of its scheduler, as `tcp://127.0.0.1:8786`.
        at_once: Most chunks that are handed out.
        on_chunk: Told after each chunk.
    """

    def run(chunks: Sequence[int]) -> None:
        from distributed import as_completed as as_dask_completes

        with _dask_client(address) as client:
            waiting = [partial(client.submit, work_chunk, backfill_id, chunk, pure=False) for chunk in chunks]
            handed_out = as_dask_completes([submit() for submit in waiting[:at_once]], loop=client.loop)  # type: ignore[no-untyped-call]
            del waiting[:at_once]
            for done in handed_out:
                if done.status == "error":
                    log.warning("A chunk ended early: %s", done.exception())
                if waiting:
                    handed_out.add(waiting.pop(0)())  # type: ignore[no-untyped-call]
                on_chunk()

    return run


def require_executor(execution: Execution) -> None:
    """Look whether those who are to do the work answer, before anything of the work is written down.

    Raises:
        InputError: No server or scheduler answers there, or it has no deployment.
        RunError: Prefect's server does not answer.
    """
    if execution.executor == "prefect":
        open_backfill_runs()
    if execution.dask is not None:
        _dask_client(execution.dask).close()


def _dask_client(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=_DASK_LIMIT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address[:80]}; start one, or give its address by --dask."
        ) from error


def no_progress(backfill_id: str) -> RunError:
    """What to say when chunks are handed out again and again and nothing becomes of them."""
    return RunError(
        f"Backfill {backfill_id} does not get on: its workers end before they claim a unit. Look at their logs,"
        f" then `coincast backfill resume {backfill_id}`."
    )
