"""What a server of `coincast up` deletes by itself: asked of a real one, whose rows are given older dates."""

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.edges.machine.prefect_settings import NEEDED, variable

pytestmark = pytest.mark.slow

PATIENCE_S = 90
SERVER = ["flows.edges.machine.guarded_server", "127.0.0.1", "{port}"]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "prefect" / "prefect.db"


@pytest.fixture
def api(
    run_server: Callable[..., AbstractContextManager[str]], database: Path, tmp_path: Path
) -> Iterator[str]:
    environment = {variable(path): value for path, value in NEEDED.items()} | {
        "PREFECT_HOME": str(database.parent),
        "PREFECT_API_URL": "",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "2",
        "PYTHONPATH": str(Path(__file__).parents[4]),
    }
    with run_server(
        SERVER, health="/api/health", log=tmp_path / "server.log", environment=environment
    ) as address:
        yield f"{address}/api"


def post(url: str, content: Any) -> Any:
    answer = requests.post(url, json=content, timeout=30)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def make_run(api: str, flow_id: str) -> str:
    run = post(f"{api}/flow_runs/", {"flow_id": flow_id, "state": {"type": "PENDING"}})["id"]
    for state in ("RUNNING", "COMPLETED"):
        post(f"{api}/flow_runs/{run}/set_state", {"state": {"type": state}, "force": True})
    log = {"name": "coincast", "level": 20, "message": "made", "timestamp": datetime.now(UTC).isoformat()}
    post(f"{api}/logs/", [log | {"flow_run_id": run}])
    return str(run)


def make_event(api: str) -> str:
    name = f"coincast.test.{uuid.uuid4().hex}"
    resource = {"prefect.resource.id": "coincast.test"}
    occurred = datetime.now(UTC).isoformat()
    post(
        f"{api}/events",
        [{"event": name, "resource": resource, "occurred": occurred, "id": str(uuid.uuid4())}],
    )
    return name


def told(database: Path, query: str) -> set[str]:
    with closing(sqlite3.connect(database, timeout=30)) as reader:
        return {str(one) for (one,) in reader.execute(query)}


def wait_until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < limit, "the server did not do it in time"
        time.sleep(0.5)


def test_runs_of_three_months_and_events_of_a_week_go_and_what_is_newer_stays(
    api: str, database: Path
) -> None:
    flow_id = post(f"{api}/flows/", {"name": "daily"})["id"]
    old, new = (uuid.UUID(make_run(api, flow_id)) for _ in range(2))
    gone, kept = make_event(api), make_event(api)
    runs, events = "SELECT id FROM flow_run", "SELECT event FROM events"
    logs = "SELECT flow_run_id FROM log"
    wait_until(lambda: {gone, kept} <= told(database, events))
    wait_until(lambda: {str(old), str(new)} <= told(database, logs))
    with closing(sqlite3.connect(database, timeout=30)) as writer:
        for table, column, days, where, what in (
            ("flow_run", "end_time", 91, "id", str(old)),
            ("flow_run", "end_time", 89, "id", str(new)),
            ("events", "occurred", 8, "event", gone),
            ("events", "occurred", 6, "event", kept),
        ):
            changed = writer.execute(
                f"UPDATE {table} SET {column} = strftime('%Y-%m-%d %H:%M:%f', {column}, ?) WHERE {where} = ?",
                (f"-{days} days", what),
            )
            assert changed.rowcount == 1
        writer.commit()
    wait_until(lambda: str(old) not in told(database, runs) and gone not in told(database, events))
    wait_until(lambda: str(old) not in told(database, logs))
    assert str(new) in told(database, runs)
    assert str(new) in told(database, logs)
    assert kept in told(database, events)
