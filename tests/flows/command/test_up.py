"""`coincast up` and `down` with real servers on loopback, started once; and what they refuse, without any."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import yaml
from typer.testing import CliRunner

from flows.command import app
from flows.command.up import _export
from flows.edges.configuration import PROJECT
from flows.edges.http.demo_site import serve_market
from flows.edges.machine.background import RunFolder, Service, require_free
from flows.edges.machine.processes import is_alive
from flows.edges.sources.crypto_data_download import file_name
from flows.operations.server_setup import QUEUES, ZOMBIES
from flows.operations.supervision import Standing, await_answer
from pipeline.errors import CoincastError, InputError, ServiceError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

PORTS = ("--prefect-port", "--mlflow-port", "--site-port")
PROJECT_FILE = yaml.safe_load((PROJECT / "prefect.yaml").read_text())
DEPLOYMENTS = {f"{one['name']}/{one['name']}" for one in PROJECT_FILE["deployments"]}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


_credentials: dict[str, str] = {}


def asked(method: str, url: str, **options: Any) -> requests.Response:
    """With the password that the server asks for."""
    user, _, password = _credentials.get(url.partition("/api")[0], "").partition(":")
    return requests.request(method, url, auth=(user, password) if user else None, **options)


class Machine:
    """A state folder of its own, and the command with it."""

    def __init__(self, folder: Path) -> None:
        foreign = ("PREFECT_", "COINCAST_", "MLFLOW_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.home = folder / "home"
        self.store = folder / "mlruns" / "mlflow.db"
        self.environment = own | {
            "COINCAST_HOME": str(self.home),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.store}",
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "OMP_NUM_THREADS": "1",
        }
        ports = free_ports(3)
        self.ports = [text for pair in zip(PORTS, map(str, ports), strict=True) for text in pair]
        self.api, self.mlflow = f"http://127.0.0.1:{ports[0]}/api", f"http://127.0.0.1:{ports[1]}"
        self.site = f"http://127.0.0.1:{ports[2]}"

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from flows.command import main; main()", *words]
        return subprocess.Popen(command, env=self.environment)

    def run(self, *words: str, cwd: Path = PROJECT, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from flows.command import main; main()", *words]
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=480,
            check=False,
        )

    def up(self, *words: str, **variables: str) -> dict[str, Any]:
        done = self.run("up", *self.ports, "--json", *words, **variables)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        _credentials[self.api.removesuffix("/api")] = RunFolder(self.home).credentials()
        return told | {"states": {one["name"]: one["state"] for one in told["services"]}}

    def service(self, name: str) -> Service:
        found = RunFolder(self.home).service(name)
        assert found is not None
        return found

    def processes(self) -> set[psutil.Process]:
        """Everything that was started, and all that it started."""
        return {one for service in RunFolder(self.home).services() for one in service.members()}

    def serves(self) -> bool:
        addresses = (f"{self.api}/health", f"{self.mlflow}/health")
        return all(asked("GET", address, timeout=20).ok for address in addresses)


def kill(*processes: psutil.Process) -> None:
    """With SIGKILL, all at once."""
    for one in processes:
        one.kill()
    wait_until(lambda: not any(is_alive(one) for one in processes), "killed")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which `up` was called once."""
    here = Machine(tmp_path_factory.mktemp("machine"))
    try:
        told = here.up()
        assert told["states"] == dict.fromkeys(("prefect", "mlflow", "site", "worker"), "started")
        assert set(told["deployments"]) == DEPLOYMENTS
        assert told["automation"] == "created"
        assert told["environment"] == {"PREFECT_API_URL": here.api, "MLFLOW_TRACKING_URI": here.mlflow}
        yield here
    finally:
        before = here.processes()
        # What is left of a killed program is ended too.
        kill(*(one for one in [here.service("mlflow").leader()] if one))
        done = here.run("down", "--json", "--patience", "120")
        again = here.run("down", "--json")
    fates = json.loads(done.stdout)["services"]
    # Prefect's worker sometimes loses the signal; it is idle, so it is killed.
    assert fates.pop("worker") in ("ended", "killed")
    assert set(fates.values()) == {"ended"}
    assert set(json.loads(again.stdout)["services"].values()) == {"not running"}
    assert len(before) >= 3
    assert not any(is_alive(one) for one in before)
    assert here.processes() == set()
    for port in here.ports[1::2]:
        require_free("127.0.0.1", int(port), name="nobody", option="--port")


def test_the_server_has_the_deployments_the_queues_and_one_automation(machine: Machine) -> None:
    def rows(what: str) -> list[Mapping[str, Any]]:
        return asked("POST", f"{machine.api}/{what}/filter", json={}, timeout=20).json()

    deployments = {one["name"]: one for one in rows("deployments")}
    assert {f"{name}/{name}" for name in deployments} == DEPLOYMENTS
    assert deployments["daily"]["work_queue_name"] == "daily"
    queues = {one["name"]: one for one in rows("work_pools/coincast/queues")}
    used = {name: queues[one["work_queue_name"]] for name, one in deployments.items()}
    priorities = [used[name]["priority"] for name in ("daily", "backfill", "backfill-chunk")]
    assert priorities == sorted(set(priorities))
    assert used["backfill-chunk"]["concurrency_limit"] == 2
    assert used["backfill"]["concurrency_limit"] is None
    assert set(queues) == {*QUEUES, "default"}
    settings = asked("GET", f"{machine.api}/admin/settings", timeout=20).json()
    assert settings["server"]["ui"]["api_url"] == "/api"
    # Runs that died with the server are told when it is back, however long it was away.
    assert settings["server"]["events"]["expired_bucket_buffer"] == "P7D"
    (automation,) = rows("automations")
    assert automation["name"] == ZOMBIES
    assert automation["trigger"]["within"] == 90
    assert automation["actions"][0]["state"] == "CRASHED"


def status_of(method: str, url: str, *, password: str = "", **headers: str) -> int:
    """Of the answer to a request with a head of its own."""
    auth = ("coincast", password) if password else None
    content = {"json": {}} if method == "POST" else {}
    return requests.request(
        method, url, auth=auth, headers=headers, timeout=20, allow_redirects=False, **content
    ).status_code


def test_the_server_obeys_its_owner_alone(machine: Machine) -> None:
    credentials = RunFolder(machine.home).credentials()
    user, _, password = credentials.partition(":")
    assert user == "coincast"
    assert len(password) >= 32
    assert stat.S_IMODE((machine.home / "run" / "prefect.auth").stat().st_mode) == 0o600
    port = machine.ports[1]
    flows, health = f"{machine.api}/flows/filter", f"{machine.api}/health"
    own = f"http://127.0.0.1:{port}"
    assert status_of("POST", flows, password=password) == 200
    assert status_of("POST", flows, password=password, Origin=own) == 200
    assert status_of("POST", flows, password=password, Host=f"localhost:{port}") == 200
    assert status_of("POST", flows) == 401
    assert status_of("POST", flows, password="guessed") == 401
    assert status_of("GET", health) == 200, "whether it runs is no secret"
    for foreign in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
                    {"Host": f"evil.example:{port}"}, {"Host": "evil.example"}):  # fmt: skip
        for method, url in (("POST", flows), ("GET", health), ("OPTIONS", flows), ("GET", own)):
            assert status_of(method, url, password=password, **foreign) == 403, (foreign, method, url)


def test_mlflow_answers_no_foreign_page(machine: Machine) -> None:
    port = machine.ports[3]
    search = f"{machine.mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
    create = f"{machine.mlflow}/api/2.0/mlflow/experiments/create"
    assert status_of("GET", search) == 200
    assert status_of("GET", search, Host=f"localhost:{port}") == 200
    assert status_of("GET", search, Host=f"evil.example:{port}") == 403
    assert status_of("GET", search, Host="192.168.0.1") == 403
    # Pages of this machine's other servers get through, whatever it is told: MLflow has no setting for that.
    for origin in ("http://evil.example", f"http://evil.example:{port}", "http://localhost.evil.example"):
        assert status_of("POST", create, Origin=origin) == 403, origin
    # Without a name it is asked in vain, but asked.
    assert status_of("POST", create, Origin=f"http://127.0.0.1:{port}") == 400


def test_the_owner_is_told_the_password_and_the_commands_need_no_telling(machine: Machine) -> None:
    credentials = RunFolder(machine.home).credentials()
    told = machine.run("up", "--env")
    assert told.stdout.splitlines() == [
        f"export PREFECT_API_URL={machine.api}",
        f"export PREFECT_API_AUTH_STRING={credentials}",
        f"export MLFLOW_TRACKING_URI={machine.mlflow}",
    ]
    served = {"PREFECT_API_URL": machine.api}
    deployed = machine.run("deploy", **served)
    assert (deployed.returncode, "deployments " in deployed.stdout) == (0, True), deployed.stderr
    shown = machine.run("doctor", **served)
    assert "the server refuses us" not in shown.stdout
    logs = "".join(path.read_text() for path in (machine.home / "run").glob("*.log"))
    assert credentials.partition(":")[2] not in logs + deployed.stdout + shown.stdout


def test_a_shell_takes_what_is_told(machine: Machine) -> None:
    command = f"{sys.executable} -c 'from flows.command import main; main()' up --env"
    shown = 'printf "%s\\n" "$PREFECT_API_URL" "$PREFECT_API_AUTH_STRING" "$MLFLOW_TRACKING_URI"'
    done = subprocess.run(
        ["bash", "-c", f'eval "$({command})"; {shown}'],
        cwd=PROJECT, env=machine.environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [machine.api, RunFolder(machine.home).credentials(), machine.mlflow]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_what_a_shell_would_read_otherwise_is_quoted(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    password = """ada:a b"c'd$HOME`id`!x\\*~#;&"""
    _export({"PREFECT_API_AUTH_STRING": password})
    done = subprocess.run(
        [shell, "-c", 'eval "$(printf %s "$LINES_OF_UP")"; printf %s "$PREFECT_API_AUTH_STRING"'],
        env={**os.environ, "LINES_OF_UP": capsys.readouterr().out}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == password


def test_the_site_is_served_at_an_address_of_its_own(machine: Machine) -> None:
    site = machine.home / "site"
    site.mkdir(parents=True, exist_ok=True)
    (site / "binance.html").write_text("a page")
    page = f"{machine.site}/binance.html"
    assert requests.get(page, timeout=20).text == "a page"
    assert status_of("GET", page, Host=f"evil.example:{machine.ports[5]}") == 403
    assert status_of("GET", f"{machine.site}/../coincast.db") == 404


def test_nothing_is_told_of_what_does_not_run(own_state: Path) -> None:
    done = CliRunner().invoke(app, ["up", "--env"])
    assert isinstance(done.exception, InputError)
    assert "coincast up" in str(done.exception)


def test_experiments_are_read_and_written_with_and_without_the_server(
    machine: Machine, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    embedded = machine.environment["MLFLOW_TRACKING_URI"]
    clients = {"embedded": MlflowClient(embedded), "served": MlflowClient(machine.mlflow)}
    for made, client in clients.items():
        location = (machine.store.parent / "artifacts" / made).as_uri() if made == "embedded" else None
        experiment = client.create_experiment(made, artifact_location=location)
        for user in clients.values():
            run = user.create_run(experiment).info.run_id
            user.log_text(run, made, "note.txt")
            for reader in clients.values():
                path = reader.download_artifacts(run, "note.txt", str(tmp_path))
                assert Path(path).read_text() == made


PATIENT = """
import time
from pathlib import Path

from prefect import flow


@flow
def patient(gate: str) -> None:
    while not Path(gate).exists():
        time.sleep(0.1)
"""


@dataclass(frozen=True)
class Patient:
    """A deployment whose runs last until a file is there."""

    api: str
    id: str

    def begin(self, gate: Path) -> str:
        run = {"parameters": {"gate": str(gate)}, "state": {"type": "SCHEDULED"}}
        url = f"{self.api}/deployments/{self.id}/create_flow_run"
        while (answer := asked("POST", url, json=run, timeout=20)).status_code == 503:
            time.sleep(0.5)  # its database is busy
        assert answer.ok, answer.text
        return str(answer.json()["id"])

    def wait_for(self, run: str, state: str) -> None:
        wait_until(lambda: self.state(run) == state, state)

    def state(self, run: str) -> str:
        return str(asked("GET", f"{self.api}/flow_runs/{run}", timeout=20).json()["state_type"])


def wait_until(look: Callable[[], bool], what: str, seconds: float = 90) -> None:
    begun = time.monotonic()
    while not look():
        assert time.monotonic() - begun < seconds, what
        time.sleep(0.2)


@pytest.fixture
def patient(machine: Machine, tmp_path: Path) -> Patient:
    (tmp_path / "patient.py").write_text(PATIENT)
    flow = asked("POST", f"{machine.api}/flows/", json={"name": "patient"}, timeout=20).json()
    deployment = {
        "name": "patient",
        "flow_id": flow["id"],
        "entrypoint": "patient.py:patient",
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path)}}],
        "work_pool_name": "coincast",
        "work_queue_name": "daily",
    }
    made = asked("POST", f"{machine.api}/deployments/", json=deployment, timeout=20).json()
    return Patient(machine.api, made["id"])


def test_a_second_up_starts_only_what_is_missing_and_the_doctor_names_it(
    machine: Machine, patient: Patient, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    run = patient.begin(gate)
    patient.wait_for(run, "RUNNING")
    killed = [machine.service(name).leader() for name in ("worker", "mlflow")]
    kill(*(one for one in killed if one))
    [flow] = machine.service("worker").members()
    [left] = machine.service("mlflow").members()
    doctor = machine.run("doctor", "--json", PREFECT_API_URL=machine.api)
    findings = {one["name"]: one["status"] for one in json.loads(doctor.stdout)["findings"]}
    assert doctor.returncode == 1
    assert {name: findings[name] for name in findings if name.startswith("service")} == {
        "service prefect": "ok", "service mlflow": "failed", "service site": "ok", "service worker": "failed",
    }  # fmt: skip
    assert findings["automation"] == "ok"

    # As a user does who has exported the lines that `up` printed.
    told = machine.up(PREFECT_API_URL=machine.api, MLFLOW_TRACKING_URI=machine.mlflow)
    assert told["states"] == {
        "prefect": "running", "mlflow": "started", "site": "running", "worker": "started",
    }  # fmt: skip
    assert machine.serves()
    assert not is_alive(left)
    # The flow of a killed worker goes on, and is known as ours.
    assert flow in machine.service("worker").members()
    gate.touch()
    patient.wait_for(run, "COMPLETED")
    assert (told["deployed"], told["automation"]) == (False, "there")
    automations = asked("POST", f"{machine.api}/automations/filter", json={}, timeout=20).json()
    assert len(automations) == 1

    refused = machine.run("up", *PORTS[:1], "1025", *machine.ports[2:])
    assert refused.returncode == 2
    assert "prefect runs already at" in refused.stderr
    assert "coincast down" in refused.stderr


def test_down_lets_a_flow_end_begins_no_other_and_records_what_it_cuts_off(
    machine: Machine, patient: Patient, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    short, endless = patient.begin(gate), patient.begin(tmp_path / "never")
    for run in (short, endless):
        patient.wait_for(run, "RUNNING")
    with machine.begin("down", "--patience", "20") as down:
        pool = f"{machine.api}/work_pools/coincast"
        wait_until(lambda: asked("GET", pool, timeout=20).json()["is_paused"], "the pool is paused")
        late = patient.begin(gate)
        time.sleep(3)  # the worker asks for work each second
        assert patient.state(late) == "SCHEDULED"
        gate.touch()
        patient.wait_for(short, "COMPLETED")
        assert down.wait(120) == 0

    assert machine.up()["states"]["worker"] == "started"
    assert patient.state(endless) == "CRASHED"
    patient.wait_for(late, "COMPLETED")


def test_the_other_process_of_mlflow_and_prefect_s_are_repaired(machine: Machine) -> None:
    mlflow, prefect = (machine.service(name).leader() for name in ("mlflow", "prefect"))
    assert mlflow is not None
    assert prefect is not None
    [serving] = mlflow.children()
    kill(serving, prefect)
    assert machine.up()["states"] == {
        "prefect": "started", "mlflow": "started", "site": "running", "worker": "running",
    }  # fmt: skip
    assert machine.serves()
    assert not is_alive(mlflow)


def test_a_checkout_that_was_moved_is_registered_again_and_all_is_repaired_at_once(
    machine: Machine, tmp_path: Path
) -> None:
    def deploy(checkout: Path) -> tuple[bool, bool]:
        """Whether it was registered now, and whether the server has this folder."""
        done = machine.run("deploy", "--json", cwd=checkout, PREFECT_API_URL=machine.api)
        assert done.returncode == 0, done.stderr
        daily = asked("GET", f"{machine.api}/deployments/name/daily/daily", timeout=20).json()
        folders = [step["directory"] for each in daily["pull_steps"] for step in each.values()]
        return json.loads(done.stdout)["deployed"], folders == [str(checkout)]

    moved = tmp_path / "moved"
    for name in ("flows", "pipeline", "expectations"):
        shutil.copytree(PROJECT / name, moved / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("prefect.yaml", "prefect.toml", "coincast.toml"):
        shutil.copy(PROJECT / name, moved)
    assert deploy(moved) == (True, True)
    before = machine.processes()
    assert len(before) >= 4
    kill(*before)
    told = machine.up()
    assert set(told["states"].values()) == {"started"}
    assert told["deployed"]
    assert machine.serves()
    assert deploy(PROJECT) == (False, True)


@pytest.mark.soak
def test_a_run_whose_worker_and_process_are_killed_is_crashed_and_blocks_nobody(machine: Machine) -> None:
    """By the automation: 90 seconds after the last heartbeat; none sooner is taken for dead."""
    series = Series("simulated", "BTCUSDT")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)

    def file(last: date) -> bytes:
        return wire_format(
            simulate_candles(seed=3, first=last - timedelta(days=900), last=last, price=9e3), series
        )

    def begin(url: str) -> str:
        deployment = asked("GET", f"{machine.api}/deployments/name/daily/daily", timeout=20).json()["id"]
        parameters = {"series": [str(series)], "overrides": {"source": url, "recipe": "tiny-range"}}
        run = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        url = f"{machine.api}/deployments/{deployment}/create_flow_run"
        return str(asked("POST", url, json=run, timeout=20).json()["id"])

    def state_of(run: str) -> str:
        return str(asked("GET", f"{machine.api}/flow_runs/{run}", timeout=20).json()["state_type"])

    def wait_for(run: str, state: str, seconds: float) -> float:
        begun = time.monotonic()
        while (now := state_of(run)) != state:
            assert time.monotonic() - begun < seconds, now
            time.sleep(1)
        return time.monotonic() - begun

    files = {file_name(series): file(yesterday - timedelta(days=1))}
    with serve_market(files) as site:
        waiting = begin(site.url)
        wait_for(waiting, "RUNNING", 60)
        while not site.requests:
            time.sleep(0.5)
        # Longer than the automation waits; the run waits for the day, which does not come.
        for _ in range(120):
            time.sleep(1)
            assert state_of(waiting) == "RUNNING"
        family = machine.service("worker").members()
        assert len(family) > 1
        kill(*family)
        assert state_of(waiting) == "RUNNING"
        print(f"Crashed {wait_for(waiting, 'CRASHED', 240):.0f} s after the kill")

        files[file_name(series)] = file(yesterday)
        assert machine.up()["states"]["worker"] == "started"
        print(f"Completed {wait_for(begin(site.url), 'COMPLETED', 400):.0f} s after it was asked for")


@pytest.mark.parametrize(
    ("command", "fate"),
    [(["no_such_server"], "died at once"), (["http.server", "0", "--bind", "127.0.0.1"], "does not answer")],
)
def test_what_dies_or_does_not_answer_is_told_with_the_end_of_its_log(
    command: list[str], fate: str, own_state: Path
) -> None:
    folder = RunFolder(own_state)
    service = folder.start("mlflow", command, url="http://127.0.0.1:1", store="", environment={})
    try:
        begun = time.monotonic()
        with pytest.raises(ServiceError, match=f"mlflow {fate}") as told:
            await_answer(Standing(service, "started"), lambda: False, 1.0)
        assert time.monotonic() - begun < 5
        assert ("No module named no_such_server" in str(told.value)) == (fate == "died at once")
        assert "coincast down" in str(told.value)
    finally:
        folder.end(service, patience_s=5)


def refusal(*words: str) -> CoincastError:
    error = CliRunner().invoke(app, ["up", *words]).exception
    assert isinstance(error, CoincastError), error
    return error


def test_a_port_that_another_program_has(own_state: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        error = refusal("--prefect-port", str(taken.getsockname()[1]))
    assert error.exit_code == 2
    assert "--prefect-port" in str(error)
    assert RunFolder(own_state).services() == ()


def test_beyond_this_machine_a_password_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("", "user", "user:"):
        monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", wrong)
        assert "PREFECT_SERVER_API_AUTH_STRING" in str(refusal("--host", "0.0.0.0"))


@pytest.mark.parametrize(
    ("began", "options", "said"),
    [
        ({}, ["--prefect-port", "4999"], "runs already at http://127.0.0.1:4200/api"),
        (
            {},
            ["--postgres", "postgresql://user:secret@127.0.0.1/prefect"],
            "runs already on another database",
        ),
        ({"store": "postgresql://127.0.0.1/prefect"}, [], "runs already on another database"),
        ({}, ["--host", "0.0.0.0"], "listens on 127.0.0.1 already, not on 0.0.0.0"),
        ({"host": "0.0.0.0"}, [], "listens on 0.0.0.0 already, not on 127.0.0.1"),
    ],
)
def test_what_runs_with_other_options_is_not_taken_for_what_is_asked(
    began: Mapping[str, str], options: list[str], said: str, own_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "operator:password")
    folder = RunFolder(own_state)
    usual = {"url": "http://127.0.0.1:4200/api", "store": "", "host": "127.0.0.1"}
    there = folder.start("prefect", ["http.server", "0"], environment={}, **(usual | began))
    try:
        error = refusal(*options)
        assert (error.exit_code, folder.service("prefect")) == (2, there)
        assert f"prefect {said}" in str(error)
        assert "coincast down" in str(error)
        assert "secret" not in str(error)
    finally:
        folder.end(there, patience_s=5)


def test_a_database_that_is_not_postgresql() -> None:
    assert "--postgres is postgresql://" in str(refusal("--postgres", "mysql://localhost/prefect"))


@pytest.mark.parametrize("end", ["@127.0.0.1:1/prefect", "@127.0.0.1:5432/there_is_none"])
def test_a_database_that_does_not_let_us_in_is_told_in_a_line(
    end: str, own_state: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://postgres:secret{end}"
    asked = refusal("--postgres", url)
    folder = RunFolder(own_state)
    assert folder.services() == ()

    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    usual = {"url": "http://127.0.0.1:4200/api", "store": "", "host": "127.0.0.1"}
    prefect = folder.start("prefect", ["http.server", "0"], environment={}, **usual)
    try:
        tracking = refusal()
    finally:
        folder.end(prefect, patience_s=5)
    for error, named in ((asked, "--postgres"), (tracking, "MLFLOW_TRACKING_URI")):
        assert isinstance(error, ServiceError)
        assert str(error).startswith(f"{named}: PostgreSQL at {end[1:].partition('/')[0]} does not let us in")
        assert "\n" not in str(error)
        assert "secret" not in str(error)


def test_down_leaves_a_process_alone_that_has_only_the_number(own_state: Path) -> None:
    folder = RunFolder(own_state)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = own_state / "run" / "worker.json"
        record.parent.mkdir(parents=True)
        there = Service("worker", stranger.pid, time.time(), url="u", store="", log="l", mark="run/worker")
        record.write_text(json.dumps(vars(there)))
        assert folder.service("worker") == there
        done = CliRunner().invoke(app, ["down", "--json"])
        assert json.loads(done.stdout)["services"]["worker"] == "not running"
        assert stranger.poll() is None
        record.write_text("{")
        broken = CliRunner().invoke(app, ["down"])
        assert "worker.json is damaged" in str(broken.exception)
    finally:
        stranger.kill()
        stranger.wait()
