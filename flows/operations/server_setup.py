"""What a Prefect server must hold before `daily` can run on it: work pool, queues, deployments, automation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from flows.edges.configuration import PROJECT
from flows.edges.machine.background import run_to_end
from flows.edges.machine.services import client_variables
from flows.edges.machine.versions import code_version
from flows.edges.words import one_line
from flows.tasks.heartbeat import BEAT, SILENCE, TAKEN_FOR_DEAD
from pipeline.errors import InputError, ServiceError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

POOL: Final = "coincast"
CHUNKS: Final = "backfill-chunks"
# Lower goes first: however many chunks of a backfill wait, the next free place is the day's, and then the driver's.
QUEUES: Final = {"daily": 1, "backfill": 2, CHUNKS: 3}
ZOMBIES: Final = "coincast: flow runs without a heartbeat have crashed"
_DEPLOY_LIMIT_S: Final = 180
_TOLD: Final = 1500


@dataclass(frozen=True)
class Setup:
    """What a server had, and what it was given.

    Attributes:
        deployments: Names of all, as `daily/daily`.
        deployed: Whether they were registered now; False where the server had them all as they are.
        automation: `created` or `there`.
    """

    deployments: tuple[str, ...]
    deployed: bool
    automation: str


def set_up(api: str, *, chunks: int, receipt: Path) -> Setup:
    """Give the server what is missing; a second time changes nothing.

    Args:
        api: The server's API.
        chunks: Runs of the queue `backfill-chunks` that may go on at once, over all workers.
        receipt: File that remembers what was registered where.

    Raises:
        InputError: This is no checkout, so there are no deployments.
        ServiceError: The server refused.
    """
    project = PROJECT / "prefect.yaml"
    if not project.is_file():
        raise InputError(f"{project} is not there: deployments are registered from a checkout of coincast.")
    text = project.read_bytes()
    names = deployment_names(text)
    with _client(api) as client:
        _make_pool(client, chunks)
        # The server keeps the folder and the flows' parameters too.
        registered = f"{api} {sha256(text).hexdigest()} {code_version()} {PROJECT}"
        fresh = not _has_all(client, names) or _last(receipt) != registered
        if fresh:
            _deploy(api)
            receipt.parent.mkdir(parents=True, exist_ok=True)
            receipt.write_text(registered, encoding="utf-8")
        return Setup(names, fresh, _make_automation(client))


def deployment_names(text: bytes) -> tuple[str, ...]:
    """`flow/deployment` of each deployment of a prefect.yaml: both have one name here."""
    return tuple(f"{one['name']}/{one['name']}" for one in yaml.safe_load(text)["deployments"])


def zombie_automation(silence: timedelta = SILENCE) -> "AutomationCore":
    """A run of coincast that sent heartbeats, and then neither one nor its end for so long, is set to Crashed.

    Runs of others' flows send no such heartbeat, and are left alone whatever their settings say of Prefect's.

    Args:
        silence: At least ten seconds, by Prefect's rule.
    """
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    ends = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    message = f"{TAKEN_FOR_DEAD} {silence.total_seconds():.0f} s: its process is gone."
    return AutomationCore(
        name=ZOMBIES,
        description="Its worker or its machine is gone: run it again; what was done is not done twice.",
        trigger=EventTrigger(
            after={BEAT},
            expect={BEAT, *ends},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


@contextmanager
def _client(api: str) -> "Iterator[SyncPrefectClient]":
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    settings: Mapping[Any, str] = {PREFECT_API_URL: api}
    if credentials := client_variables().get("PREFECT_API_AUTH_STRING"):
        settings = {**settings, PREFECT_API_AUTH_STRING: credentials}
    try:
        with temporary_settings(updates=settings), get_client(sync_client=True) as client:
            yield client
    except (PrefectHTTPStatusError, httpx.HTTPError) as error:
        said = one_line(error, limit=200)
        raise ServiceError(
            f"Prefect's server at {api} refused: {said}. Is PREFECT_API_AUTH_STRING its own?"
        ) from error


def _make_pool(client: "SyncPrefectClient", chunks: int) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    for name, priority in QUEUES.items():
        limit = chunks if name == CHUNKS else None
        try:
            client.create_work_queue(name, work_pool_name=POOL, priority=priority, concurrency_limit=limit)
        except ObjectAlreadyExists:
            queue = client.read_work_queue_by_name(name, work_pool_name=POOL)
            client.update_work_queue(queue.id, priority=priority, concurrency_limit=limit)


def _has_all(client: "SyncPrefectClient", names: tuple[str, ...]) -> bool:
    from prefect.exceptions import ObjectNotFound

    try:
        for name in names:
            client.read_deployment_by_name(name)
    except ObjectNotFound:
        return False
    return True


def _last(receipt: Path) -> str:
    return receipt.read_text(encoding="utf-8") if receipt.exists() else ""


def _make_automation(client: "SyncPrefectClient") -> str:
    wanted = zombie_automation()
    there = client.read_automations_by_name(ZOMBIES)
    if not there:
        client.create_automation(wanted)
        return "created"
    client.update_automation(there[0].id, wanted)
    return "there"


def _deploy(api: str) -> None:
    status, said = run_to_end(
        ["prefect", "--no-prompt", "deploy", "--all"],
        environment={**client_variables(), "PREFECT_API_URL": api},
        limit_s=_DEPLOY_LIMIT_S,
    )
    if status:
        raise ServiceError(f"`prefect deploy --all` failed: {said[-_TOLD:].strip()}")
