"""A real Prefect server whose automation waits ten seconds: what lives longer completes, what is killed crashes."""

import ast
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.edges.configuration import PROJECT
from flows.operations.server_setup import zombie_automation
from flows.tasks.heartbeat import TAKEN_FOR_DEAD

pytestmark = pytest.mark.slow

# Prefect takes no shorter one for the absence of events.
SILENCE = timedelta(seconds=10)
# A flow of coincast, its heartbeat each second, imported as a notebook does: after Prefect, which has its settings.
LIVING = """
import os, sys, time
from datetime import timedelta
import prefect
import flows.tasks.flow_policy as policy
from flows.tasks.heartbeat import heartbeats
policy.heartbeats = lambda run: heartbeats(run, period=timedelta(seconds=1))

@policy.flow(name="living")
def living(seconds: float) -> str:
    from prefect.runtime import flow_run
    print(flow_run.id, flush=True)
    if seconds:
        time.sleep(seconds)
    else:
        sys.stdin.read()
    return "done"

living(float(sys.argv[1]))
"""
FOREIGN = """
import time
from prefect import flow
from prefect.runtime import flow_run

@flow(name="foreign")
def foreign() -> None:
    print(flow_run.id, flush=True)
    time.sleep(20)

foreign()
"""


@pytest.fixture(scope="module")
def api(
    run_server: Callable[..., AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A Prefect server that has the automation, with a shorter policy."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    folder = tmp_path_factory.mktemp("prefect")
    order = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", "{port}"]
    environment = {"PREFECT_HOME": str(folder), "PREFECT_SERVER_UI_ENABLED": "false"}
    with run_server(order, health="/api/health", log=folder / "log", environment=environment) as server:
        address = f"{server}/api"
        with temporary_settings({PREFECT_API_URL: address}), get_client(sync_client=True) as client:
            client.create_automation(zombie_automation(SILENCE))
        yield address


class Run:
    """A process that runs a flow, in a folder that has no prefect.toml."""

    def __init__(self, api: str, folder: Path, code: str, *words: str, **variables: str) -> None:
        self.api = api
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        home = {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": api, "PYTHONPATH": str(PROJECT)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *words], env=own | home | variables, cwd=folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.id = self.process.stdout.readline().strip()

    def state(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.api}/flow_runs/{self.id}", timeout=20).json()["state"])

    def history(self) -> list[str]:
        rows = requests.get(f"{self.api}/flow_run_states/", params={"flow_run_id": self.id}, timeout=20)
        return [row["type"] for row in sorted(rows.json(), key=lambda row: row["timestamp"])]

    def wait_for(self, state: str, seconds: float) -> None:
        begun = time.monotonic()
        while self.state()["type"] != state:
            assert time.monotonic() - begun < seconds, self.history()
            time.sleep(0.2)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def begin(api: str, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    begun: list[Run] = []

    def work(code: str, *words: str, **variables: str) -> Run:
        begun.append(Run(api, tmp_path, code, *words, **variables))
        return begun[-1]

    yield work
    for run in begun:
        run.end()


def test_what_lives_completes_what_is_killed_crashes_and_others_flows_are_left_alone(
    begin: Callable[..., Run],
) -> None:
    living = begin(LIVING, "25", PREFECT_FLOWS_HEARTBEAT_FREQUENCY="3600")
    foreign = begin(FOREIGN, PREFECT_FLOWS_HEARTBEAT_FREQUENCY="30")
    killed = begin(LIVING, "0")
    killed.wait_for("RUNNING", 10)
    time.sleep(3)
    killed.process.send_signal(signal.SIGKILL)
    killed.wait_for("CRASHED", 40)
    assert killed.state()["message"].startswith(f"{TAKEN_FOR_DEAD} 10 s")
    for run in (living, foreign):
        run.wait_for("COMPLETED", 60)
        assert run.process.wait(30) == 0
        assert "CRASHED" not in run.history()


def test_a_run_that_stood_still_and_goes_on_is_running_again(begin: Callable[..., Run]) -> None:
    """As on a machine that was suspended, or beside a server that was away: nobody can know before."""
    run = begin(LIVING, "0")
    run.wait_for("RUNNING", 10)
    time.sleep(3)
    run.process.send_signal(signal.SIGSTOP)
    run.wait_for("CRASHED", 40)
    run.process.send_signal(signal.SIGCONT)
    run.wait_for("RUNNING", 20)
    run.process.communicate("")
    run.wait_for("COMPLETED", 20)
    assert run.process.returncode == 0


def test_every_flow_is_decorated_by_ours() -> None:
    """Prefect's own decorator would make one that sends no heartbeats and holds no settings."""
    wrong = []
    for path in (PROJECT / "flows").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "prefect":
                wrong += [path.name for name in node.names if name.name == "flow"]
    assert wrong == []


def test_no_server_is_no_reason_to_fail_or_to_wait() -> None:
    from uuid import uuid4

    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.tasks.heartbeat import heartbeats

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        begun = time.monotonic()
        with temporary_settings({PREFECT_API_URL: address}), heartbeats(uuid4()):
            time.sleep(0.5)
        assert time.monotonic() - begun < 5
