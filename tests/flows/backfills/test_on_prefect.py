"""A backfill of sixty units on a real server with a worker and PostgreSQL, whose parts are killed one by one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.backfills.execution import Execution
from flows.backfills.plan import BackfillStores, backfill_request, make_plan, open_backfill_stores
from flows.backfills.run import execute_plan, refresh_snapshots, resume_backfill
from flows.edges.clock import clock
from flows.edges.configuration import PROJECT, configuration
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.tracking.experiments import open_tracking
from pipeline.errors import InputError
from pipeline.forecasts.columns import QUANTILES
from pipeline.models.registry import BASELINES
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_S = 150
UNITS = 60
MODELS = len(BASELINES) + 1
SERIES = Series("simulated", "BTCUSDT")
LAST = date(2025, 6, 30)
FROM = LAST - timedelta(days=UNITS - 1)


class Process:
    """A Python module or command in the project folder, in a session of its own."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("a") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], cwd=PROJECT, env=environment, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """Nothing but this process: what it started goes on."""
        self._process.kill()
        self._process.wait(20)

    def end(self) -> None:
        """It and what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)

    def said(self) -> str:
        return self._log.read_text()[-3000:]


@contextmanager
def running(arguments: list[str], environment: Mapping[str, str], log: Path) -> Iterator[Process]:
    process = Process(arguments, environment, log)
    try:
        yield process
    finally:
        process.end()


def wait_for(look: Callable[[], Any], *processes: Process) -> Any:
    """What `look` finds at last."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    return pytest.fail("\n".join(process.said() for process in processes) or "nothing")


class Server:
    """A Prefect server of these tests' own that has the project's deployments."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.folder, self._database_url = folder, database_url
        order = ["-m", "prefect", "server", "start", "--port", str(self.port)]
        self.process = Process(order, self.environment, folder / "server.log")
        try:
            wait_for(self.answers, self.process)
            self.prefect("work-pool", "create", "coincast", "--type", "process")
            self.prefect("deploy", "--all")
        except BaseException:
            self.process.end()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that works for it, with the stores of the test that asks."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        url = self._database_url
        return own | {
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            **({"PREFECT_API_DATABASE_CONNECTION_URL": url} if url else {}),
        }

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.api}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def scheduled(self) -> int:
        """Chunks' runs that wait for a worker."""
        filters = {
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
            "deployments": {"name": {"any_": ["backfill-chunk"]}},
        }
        answer = requests.post(f"{self.api}/flow_runs/count", json=filters, timeout=30)
        return int(answer.json()) if answer.ok else 0

    def ended_runs(self) -> dict[str, list[str]]:
        """States of a backfill's runs by deployment, once all are over; empty before."""
        found: dict[str, list[str]] = {}
        for name in ("backfill", "backfill-chunk"):
            wish = {"deployments": {"name": {"any_": [name]}}}
            answer = requests.post(f"{self.api}/flow_runs/filter", json=wish, timeout=30)
            found[name] = [run["state_type"] for run in answer.json()] if answer.ok else []
        states = {state for each in found.values() for state in each}
        over = found["backfill"] and not {"SCHEDULED", "PENDING", "RUNNING"} & states
        return found if over else {}

    def prefect(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
            cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def worker(self, *queues: str) -> Process:
        chosen = [word for queue in queues for word in ("--work-queue", queue)]
        order = ["-m", "prefect", "worker", "start", "--pool", "coincast", *chosen]
        return Process(order, self.environment, self.folder / "worker.log")


@pytest.fixture(scope="module")
def _servers() -> Iterator[list[Server]]:
    made: list[Server] = []
    yield made
    for one in made:
        one.process.end()


@pytest.fixture
def server(_servers: list[Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The one of the test before, whose runs are all over, or a new one where that was killed."""
    if not _servers or _servers[-1].process.ended:
        _servers.append(Server(tmp_path_factory.mktemp("server")))
    return _servers[-1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    candles = simulate_candles(seed=12, first=date(2024, 1, 1), last=LAST, price=20_000.0)
    (folder / file_name(SERIES)).write_bytes(wire_format(candles, SERIES))
    return folder


def newest(stores: BackfillStores) -> list[dict[str, Any]]:
    """The units of the newest backfill; none before it begins."""
    try:
        return stores.units.rows(stores.units.find("last").id)
    except InputError:
        return []


def chunks_of(stores: BackfillStores, pid: int) -> set[int]:
    """Those of which the process has a unit in its hands."""
    return {unit["chunk"] for unit in newest(stores) if f":{pid}:" in (unit["lease_owner"] or "")}


def states_of(stores: BackfillStores, chunk: int) -> list[str]:
    return [unit["status"] for unit in newest(stores) if unit["chunk"] == chunk]


def count(stores: BackfillStores, status: str) -> int:
    return sum(unit["status"] == status for unit in newest(stores))


def test_the_deployment_drives_a_backfill_on_the_workers_beside_it(
    server: Server, postgres_url: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker runs the driver, and the runs that the driver submits and waits for."""
    monkeypatch.setenv("COINCAST_DATABASE_URL", postgres_url)
    stores = open_backfill_stores(configuration())
    wish = {
        "series": [str(SERIES)], "first": str(LAST - timedelta(days=11)), "last": str(LAST), "source": str(source),
        "recipe": "tiny-range", "refit_every": 5, "chunk_days": 10, "executor": "prefect",
    }  # fmt: skip
    with ExitStack() as ended:
        worker = server.worker()
        ended.callback(worker.end)
        server.prefect("deployment", "run", "backfill/backfill", "--params", json.dumps(wish))
        states = wait_for(server.ended_runs, worker, server.process)
    assert states["backfill"] == ["COMPLETED"]
    assert len(states["backfill-chunk"]) >= 2
    assert set(states["backfill-chunk"]) == {"COMPLETED"}
    assert made_inline(source, tmp_path, monkeypatch) == values(stores).items()
    stores.engine.dispose()


def test_sixty_units_survive_the_death_of_each_part(
    server: Server, postgres_url: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINCAST_DATABASE_URL", postgres_url)
    stores, champion = open_backfill_stores(configuration()), a_champion()
    asked = [
        "--series", str(SERIES), "--from", str(FROM), "--to", str(LAST), "--source", str(source),
        "--recipe", "tiny-range", "--refit-every", "5", "--chunk", "15",
    ]  # fmt: skip
    order = ["-c", "from flows.command import main; main()", "backfill", *asked, "--lease", "3"]
    order += ["--executor", "prefect", "--max-parallel", "1"]
    runs: list[int] = []
    with ExitStack() as ended:
        # Prefect starts each run in a session of its own, so that it outlives its worker.
        ended.callback(lambda: [end_run(run) for run in runs])
        worker = server.worker("backfill-chunks")
        ended.callback(worker.end)
        driver = ended.enter_context(running(order, server.environment, tmp_path / "driver.log"))

        first = wait_for(lambda: holder(stores, after=2), driver, worker)
        os.kill(first, signal.SIGKILL)
        second = wait_for(lambda: holder(stores, other_than=first, after=4), driver, worker)
        runs.append(second)
        worker.kill()
        worker = server.worker("backfill-chunks")
        ended.callback(worker.end)
        third = wait_for(lambda: holder(stores, other_than=second, after=6), driver, worker)
        worker.kill()
        with suppress(ProcessLookupError):  # it may have died of its worker's death
            os.kill(third, signal.SIGKILL)
        worker = server.worker("backfill-chunks")
        ended.callback(worker.end)
        runs.append(wait_for(lambda: holder(stores, other_than=third, after=8), driver, worker))
        server.process.kill()
        # The chunk in hand has fits to come, which need nothing of the server.
        (chunk,) = wait_for(lambda: chunks_of(stores, runs[-1]), driver, worker)
        wait_for(lambda: {"pending", "running"}.isdisjoint(states_of(stores, chunk)), driver, worker)
        assert set(states_of(stores, chunk)) == {"done"}
        assert not driver.ended
        assert not worker.ended
        driver.kill()
        worker.end()
    assert 8 <= count(stores, "done") < UNITS
    outcome = resume_backfill("last", configuration(), stores, Execution())
    assert (outcome.units["done"], outcome.units["running"], outcome.failed) == (UNITS, 0, [])
    rows = stores.ledger.forecasts(SERIES, latest_only=False)
    assert len(rows) == UNITS * 7 * MODELS
    assert set(rows["issue"]) == {1}
    attempts = [unit["attempts"] for unit in newest(stores)]
    assert UNITS <= sum(attempts) <= UNITS + 6
    assert a_champion() == champion
    assert made_inline(source, tmp_path, monkeypatch) <= values(stores).items()
    stores.engine.dispose()


def holder(stores: BackfillStores, *, other_than: int = 0, after: int) -> int:
    """The process that has a unit in its hands, once so many are done."""
    units = newest(stores)
    if sum(unit["status"] == "done" for unit in units) < after:
        return 0
    owners = [unit["lease_owner"] for unit in units if unit["status"] == "running"]
    pids = [int(owner.rsplit(":", 2)[1]) for owner in owners]
    return next((pid for pid in pids if pid != other_than), 0)


def end_run(pid: int) -> None:
    """End what is left of a run's process."""
    with suppress(FileNotFoundError, ProcessLookupError):
        if "prefect.engine" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)


def values(stores: BackfillStores) -> dict[tuple[date, int, str], bytes]:
    rows = stores.ledger.forecasts(SERIES)
    return {
        (row.as_of.date(), row.horizon, row.model_id): getattr(row, QUANTILES).tobytes()
        for row in rows.itertuples()
    }


def made_inline(source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The newest days' values by this process alone, in a database of their own."""
    monkeypatch.setenv("COINCAST_DATABASE_URL", f"sqlite:///{folder / 'inline.db'}")
    current = configuration()
    stores = open_backfill_stores(current)
    request = backfill_request(
        current, series=[str(SERIES)], first=str(LAST - timedelta(days=11)), last=str(LAST), source=str(source),
        recipe="tiny-range", refit_every=5,
    )  # fmt: skip
    refresh_snapshots(request, current, stores)
    execute_plan(make_plan(request, current, stores, now=clock()), current, stores, Execution())
    made = values(stores)
    stores.engine.dispose()
    assert len(made) == 12 * 7 * MODELS
    return made.items()


def a_champion() -> Any:
    """A registered model with an alias, which no backfill may touch."""
    client = open_tracking(configuration().places).client
    name = f"coincast-{SERIES.slug}"
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
        version = client.create_model_version(name, source="file:///nowhere")
        client.set_registered_model_alias(name, "champion", version.version)
    found = client.get_registered_model(name)
    return dict(found.aliases), [(one.version, one.last_updated_timestamp) for one in found.latest_versions]


@pytest.mark.parametrize(
    "made", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["then cancelled", "then made"]
)
def test_five_hundred_units_are_submitted_without_a_locked_database(
    postgres_url: str,
    another_postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    made: bool,
) -> None:
    """Prefect's server and coincast on PostgreSQL, a chunk a unit, a hundred runs in a request."""
    monkeypatch.setenv("COINCAST_DATABASE_URL", postgres_url)
    candles = simulate_candles(seed=12, first=date(2022, 1, 1), last=LAST, price=20_000.0)
    (tmp_path / file_name(SERIES)).write_bytes(wire_format(candles, SERIES))
    stores = open_backfill_stores(configuration())
    first = LAST - timedelta(days=499)
    order = [
        "-c", "from flows.command import main; main()", "backfill", "--series", str(SERIES), "--from", str(first),
        "--to", str(LAST), "--source", str(tmp_path), "--recipe", "har-range", "--chunk", "1", "--executor", "prefect",
        "--max-parallel", "500",
    ]  # fmt: skip
    with ExitStack() as ended:
        server = Server(tmp_path, another_postgres_url.replace("+psycopg", "+asyncpg"))
        ended.callback(server.process.end)
        driver = ended.enter_context(running(order, server.environment, tmp_path / "driver.log"))
        wait_for(lambda: len(newest(stores)) == 500, driver)
        started = time.monotonic()
        wait_for(lambda: server.scheduled() == 500, driver, server.process)
        print(f"500 runs scheduled {time.monotonic() - started:.1f} s after their units were kept")
        if made:
            resumed = resume_backfill("last", configuration(), stores, Execution())
            assert resumed.units["done"] == 500
        else:
            assert stores.units.cancel(stores.units.find("last").id, now=stores.units.now()) == 500
        wait_for(lambda: driver.ended, driver)
        assert server.scheduled() == 500, "a chunk has one run, however long it waits"
        said = (tmp_path / "server.log").read_text() + (tmp_path / "driver.log").read_text()
    assert "lock" not in said.lower(), said[-3000:]
    assert "Traceback" not in said, said[-3000:]
    assert count(stores, "done" if made else "cancelled") == 500
    rows = stores.ledger.forecasts(SERIES, latest_only=False)
    assert (len(rows), set(rows["issue"])) == ((500 * 7 * 3, {1}) if made else (0, set()))
    stores.engine.dispose()
