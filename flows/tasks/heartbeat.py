"""Heartbeats of a flow run: an event every quarter of a minute for as long as its process lives.

Prefect's own are left to those who watch them: their frequency is a setting, found in the folder, the profile or the
environment of whoever starts a run, and a run whose frequency is longer than the watcher's patience is taken for dead.
"""

import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from threading import Event, Thread
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from flows.edges.machine.prefect_settings import tried_once

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

BEAT: Final = "coincast.flow-run.heartbeat"
PERIOD: Final = timedelta(seconds=15)
# Six heartbeats; docs/operations.md says what may keep one back.
SILENCE: Final = timedelta(seconds=90)
TAKEN_FOR_DEAD: Final = "No heartbeat for"
_LIMIT_S: Final = 5.0
_AGAIN_S: Final = 1.0
_LAST_S: Final = 2.0
_log: Final = logging.getLogger("coincast")


@contextmanager
def heartbeats(flow_run_id: UUID, *, period: timedelta = PERIOD) -> Iterator[None]:
    """Tell Prefect's server every `period` that this run lives, from a thread beside the body.

    Args:
        flow_run_id: Of the run that the body is.
        period: Between two heartbeats; where one does not get through, the next is tried after a second.
    """
    over = Event()
    # The address of a server of our own is known in this context only.
    context = contextvars.copy_context()
    beat = Thread(
        target=context.run,
        args=(_beat, flow_run_id, over, period.total_seconds()),
        name="heartbeat",
        daemon=True,
    )
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join(_LAST_S)


def _beat(flow_run_id: UUID, over: Event, period_s: float) -> None:
    from prefect.client.orchestration import get_client

    again_s, wait_s = min(_AGAIN_S, period_s), period_s
    with tried_once():
        while not over.is_set():
            try:
                with get_client(sync_client=True, httpx_settings={"timeout": _LIMIT_S}) as client:
                    _send(client, flow_run_id, over)
            except Exception as error:  # noqa: BLE001 - whatever kept one back, the next is tried: silence is death
                _log.debug("no heartbeat: %s", error)
                over.wait(wait_s := again_s)
            else:
                # The first one after a silence may be what tells the automation of it: look again soon.
                over.wait(wait_s)
                wait_s = period_s


def _send(client: "SyncPrefectClient", flow_run_id: UUID, over: Event) -> None:
    """One heartbeat, and a look at what the server makes of the run; a busy database holds up the look alone."""
    # The server's own time: the clocks of its machine and of this one may differ.
    now = parsedate_to_datetime(client.request("GET", "/health").headers["date"])
    resource = {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}"}
    event = {"id": str(uuid4()), "event": BEAT, "occurred": now.isoformat(), "resource": resource}
    client.request("POST", "/events", json=[event])
    state = client.request("GET", "/flow_runs/{id}", path_params={"id": flow_run_id}).json()["state"]
    if state["type"] == "CRASHED" and (state["message"] or "").startswith(TAKEN_FOR_DEAD):
        _come_back(client, flow_run_id, over)


def _come_back(client: "SyncPrefectClient", flow_run_id: UUID, over: Event) -> None:
    """The server, the network or this machine stood still for longer than the automation waits."""
    from prefect.states import Running

    if not over.is_set():
        client.set_flow_run_state(flow_run_id, Running(message="Its heartbeats are back."), force=True)
        _log.warning("the server had taken this run for dead; it is running again")
