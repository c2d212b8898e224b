"""The end of what `coincast up` started: flows that run may end, and what is cut off is recorded as crashed."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from flows.edges.configuration import Places
from flows.edges.machine.background import RunFolder, Service
from flows.edges.machine.processes import Process
from flows.edges.prefect_api import Answer, ask, prefect_credentials
from flows.operations.server_setup import POOL
from flows.reporting.progress import log

# The worker ends first, so that nothing is reported to a server that is gone.
_ORDER: Final = ("worker", "site", "mlflow", "prefect")
# With nothing in hand a worker ends at once.
_WORKER_S: Final = 10.0
_TRIES: Final = 5
_BUSY_S: Final = 1.0
_LOOK_S: Final = 0.25
_CUT_OFF: Final = (
    "`coincast down` ended it before it was done: run it again; what was done is not done twice."
)


def end_all(places: Places, *, patience_s: float) -> dict[str, str]:
    """End worker, site, MLflow and Prefect, in this order; what became of each, by name.

    Args:
        places: Whose.
        patience_s: Seconds that the worker waits for its flows, and that each server may take.
    """
    folder = RunFolder(places.home)
    with folder.lock():
        return {name: _end(folder, name, patience_s) for name in _ORDER}


def _end(folder: RunFolder, name: str, patience_s: float) -> str:
    service = folder.service(name)
    if service is None:
        return "not running"
    folder.give_credentials(service.url)
    if name != "worker" or not service.url or not service.members():
        return folder.end(service, patience_s=patience_s)
    # Prefect's worker ends its runs as soon as it is asked to end.
    with paused_pool(service.url):
        left = await_idle(service, patience_s=patience_s)
        outcome = folder.end(service, patience_s=_WORKER_S)
        record_crashes(service.url, left)
    return outcome


@contextmanager
def paused_pool(api: str) -> Iterator[None]:
    """Meanwhile Prefect's server gives no worker a run; those that fall due wait."""
    answer = _pause(api, True)
    if not answer.fine:
        log.warning("%s did not pause the work pool (%s): runs may still begin", api, answer.reason)
    try:
        yield
    finally:
        _pause(api, False)


def resume_pool(api: str) -> None:
    """Let workers take runs again, where a `down` that was killed itself left the pool paused."""
    _pause(api, False)


def flow_processes(worker: Service) -> tuple[Process, ...]:
    """What a worker started: its flows, and those of a worker that was killed before it."""
    leader = worker.leader()
    return tuple(one for one in worker.members() if one != leader)


def await_idle(worker: Service, *, patience_s: float) -> tuple[Process, ...]:
    """Wait until a worker has nothing in hand; the processes that are left when the patience is over."""
    deadline = time.monotonic() + patience_s
    while (left := flow_processes(worker)) or _runs(worker.url, "PENDING"):
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_S)
    return left


def record_crashes(api: str, processes: Collection[Process]) -> None:
    """Tell the server which runs ended with these processes, or never got one: they would be Running for ever."""
    numbers = {str(process.pid) for process in processes}
    cut_off = [run for run in _runs(api, "RUNNING") if run["infrastructure_pid"] in numbers]
    state = {"type": "CRASHED", "name": "Crashed", "message": _CUT_OFF}
    for run in [*_runs(api, "PENDING"), *cut_off]:
        _ask(f"{api}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
        log.warning("the run %s was cut off", run["name"])


def _runs(api: str, state: str) -> tuple[dict[str, Any], ...]:
    filters = {"flow_runs": {"state": {"type": {"any_": [state]}}}, "work_pools": {"name": {"any_": [POOL]}}}
    return _ask(f"{api}/flow_runs/filter", filters).rows


def _pause(api: str, paused: bool) -> Answer:
    return _ask(f"{api}/work_pools/{POOL}", {"is_paused": paused}, method="PATCH")


def _ask(url: str, content: Mapping[str, Any], *, method: str = "POST") -> Answer:
    """What the server answers, asked again where it was too busy."""
    for _ in range(_TRIES):
        answer = ask(url, credentials=prefect_credentials(), content=content, method=method)
        if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
            break
        time.sleep(_BUSY_S)
    return answer
