"""The deployment on a real Prefect server: it is scheduled by itself, and a worker runs it from the project folder.

The first guards the pins of sqlalchemy and fastapi: with later ones the server does not start, or never schedules.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.edges.configuration import PROJECT, configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.ledger.store import Ledger
from flows.edges.prefect_api import ask
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from flows.edges.tracking.experiments import open_tracking
from flows.operations.doctor import judge_deployment
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_S = 240
SERIES = Series.parse("simulated/BTCUSDT/1d")


class Server:
    """A Prefect server of the test's own, and Prefect's command beside it."""

    def __init__(self, api: str, environment: Mapping[str, str]) -> None:
        self.api = api
        self.environment = dict(environment)

    def prefect(self, *arguments: str, **variables: str) -> None:
        """Run `prefect` in the project folder to its end, which is also its children's."""
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=PROJECT,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert process.returncode == 0, said

    def post(self, path: str, **content: Any) -> Any:
        """What the API answers; while its SQLite is busy (503) it is asked again, as by Prefect's own client."""

        def asked() -> tuple[requests.Response, ...]:
            answer = requests.post(f"{self.api}/{path}", json=content, timeout=30)
            return () if answer.status_code == 503 else (answer,)

        (answer,) = wait_for(asked)
        answer.raise_for_status()
        return answer.json()

    def find(self, what: str, **filters: Any) -> list[dict[str, Any]]:
        """Rows of the API: `deployments`, `flow_runs`, `artifacts`, `logs`."""
        found: list[dict[str, Any]] = self.post(f"{what}/filter", **filters)
        return found

    def daily(self) -> dict[str, Any]:
        """The deployment of every night."""
        [deployment] = self.find("deployments", deployments={"name": {"any_": ["daily"]}})
        return deployment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a free port whose work pool has the project's deployments."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "COINCAST_"))
    }
    api = f"http://127.0.0.1:{port}/api"
    environment = own | {
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        "OMP_NUM_THREADS": "1",
    }
    with running(
        ["prefect", "server", "start", "--port", str(port)], environment, folder / "server.log"
    ) as log:
        wait_for(lambda: answers(f"{api}/health"), log)
        started = Server(api, environment)
        started.prefect("work-pool", "create", "coincast", "--type", "process")
        started.prefect("deploy", "--all")
        yield started


def test_daily_is_scheduled_by_the_server(server: Server) -> None:
    deployment = server.daily()
    wanted = {"state": {"type": {"any_": ["SCHEDULED"]}}, "deployment_id": {"any_": [deployment["id"]]}}
    runs = wait_for(lambda: server.find("flow_runs", flow_runs=wanted))
    scheduled = [datetime.fromisoformat(run["expected_start_time"]) for run in runs if run["auto_scheduled"]]
    assert scheduled
    assert all((at.hour, at.minute) == (0, 20) for at in scheduled)
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert [schedule["slug"] for schedule in deployment["schedules"]] == ["daily-0020-utc"]


def test_the_doctor_sees_the_deployment_and_that_nobody_works_for_it(server: Server) -> None:
    answer = ask(f"{server.api}/deployments/name/daily/daily")
    finding = judge_deployment(answer.status, answer.content)
    assert (finding.status, "no worker" in finding.said) == ("warning", True)
    answer = ask(f"{server.api}/deployments/name/daily/weekly")
    assert "not deployed" in judge_deployment(answer.status, answer.content).said


def test_a_worker_runs_the_day(server: Server, own_state: Path) -> None:
    today = datetime.now(UTC).date()
    candles = simulate_candles(
        seed=3, first=today - timedelta(days=900), last=today - timedelta(days=1), price=20_000.0
    )
    with serve_market({file_name(SERIES): wire_format(candles, SERIES)}) as site:
        overrides = {"source": site.url, "recipe": "tiny-range"}
        parameters = {"series": [str(SERIES)], "overrides": overrides}
        run = server.post(f"deployments/{server.daily()['id']}/create_flow_run", parameters=parameters)
        server.prefect(
            "worker", "start", "--pool", "coincast", "--run-once",
            COINCAST_HOME=str(own_state), MLFLOW_TRACKING_URI=os.environ["MLFLOW_TRACKING_URI"],
        )  # fmt: skip
    [run] = server.find("flow_runs", flow_runs={"id": {"any_": [run["id"]]}})
    lines = [row["message"] for row in server.find("logs", logs={"flow_run_id": {"any_": [run["id"]]}})]
    assert run["state_type"] == "COMPLETED", lines
    assert any("published to" in line for line in lines), lines
    keys = {artifact["key"] for artifact in server.find("artifacts")}
    shown = ("data", "train", "evaluate", "gate", "mlflow", "forecast", "scorecard", "page")
    assert {f"{SERIES.slug}-{what}" for what in shown} <= keys
    places = configuration().places
    rows = Ledger(open_database(places.database_url)).forecasts(SERIES)
    assert set(rows["as_of"].dt.date) == {candles["date"].iloc[-1].date()}
    experiment = open_tracking(places).find_experiment(SERIES.slug)
    assert experiment is not None
    assert set(rows["run_id"]) <= {one.id for one in experiment.find_runs()}
    assert (own_state / "site" / "index.html").exists()


@contextmanager
def running(arguments: list[str], environment: Mapping[str, str], log: Path) -> Iterator[Path]:
    """A Python module as a process in the project folder, ended with its block; yields its output's file."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=PROJECT, env=environment, stdout=output, stderr=output
        )
        try:
            yield log
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def wait_for(look: Callable[[], Any], log: Path | None = None) -> Any:
    """What `look` finds at last."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.5)
    pytest.fail(f"nothing within {PATIENCE_S} s; {log.read_text()[-2000:] if log else ''}")
