"""The unit files and the compose file of deploy/, held against what they start."""

import configparser
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from flows.command import app
from flows.edges.machine import guarded_server
from flows.operations.server_setup import POOL

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "Restart": "on-failure",
    "EnvironmentFile": "/etc/coincast/coincast.env",
    "User": "coincast",
}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def assert_command_exists(words: list[str]) -> None:
    """A console script of this environment, and where it is ours its verb too."""
    program = Path(words[0]).name
    assert (Path(sys.executable).parent / program).exists(), words
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]), words
    if program == "coincast":
        assert words[1] in typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_there_is_a_unit_for_each_program() -> None:
    assert [path.stem for path in UNITS] == ["coincast-mlflow", "coincast-prefect", "coincast-worker"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_hardened_restarts_and_starts_what_exists(path: Path) -> None:
    parsed = unit(path)
    service = dict(parsed["Service"])
    assert {key: service.get(key) for key in HARDENED} == HARDENED
    assert parsed["Install"]["WantedBy"] == "multi-user.target"
    for key in ("ExecStartPre", "ExecStart"):
        if key in service:
            assert service[key].startswith("/opt/coincast/.venv/bin/")
            assert_command_exists(service[key].split())
    assert "0.0.0.0" not in path.read_text()
    needed = re.findall(r"coincast-\w+\.service", path.read_text())
    assert all((path.parent / name).exists() for name in needed)


@pytest.mark.slow
def test_the_worker_is_ended_when_it_has_no_run(tmp_path: Path) -> None:
    service = dict(unit(DEPLOY / "systemd" / "coincast-worker.service")["Service"])
    program = "/opt/coincast/.venv/bin/prefect"
    shell, option, script = shlex.split(service["ExecStop"])
    assert script.startswith(f"{program} work-pool pause {POOL}; sleep 5; ")
    assert service["ExecStopPost"] == f"-{program} work-pool resume {POOL}"
    told = tmp_path / "told"
    worker = subprocess.Popen(["sh", "-c", f"(sleep 2; touch {told}) & wait; exec sleep 60"])
    try:
        waiting = script.replace(program, ": ").replace("sleep 5", "sleep 0.5")
        environment = os.environ | {"MAINPID": str(worker.pid)}
        assert (
            subprocess.run([shell, option, waiting], env=environment, timeout=30, check=False).returncode == 0
        )
        assert told.exists()
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_a_unit(path: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for one in UNITS:
        text = one.read_text().replace("/opt/coincast/.venv/bin", str(Path(sys.executable).parent))
        (tmp_path / one.name).write_text(text.replace("User=coincast\nGroup=coincast\n", ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / path.name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert [line for line in done.stderr.splitlines() if path.name in line] == []


def test_the_environment_file_names_what_a_protected_server_needs() -> None:
    lines = [line for line in (DEPLOY / "coincast.env.example").read_text().splitlines() if line[0] != "#"]
    values = dict(line.split("=", 1) for line in lines)
    assert values["PREFECT_SERVER_API_AUTH_STRING"] == values["PREFECT_API_AUTH_STRING"]
    assert {"COINCAST_HOME", "PREFECT_API_URL", "MLFLOW_TRACKING_URI", "MLFLOW_BACKEND_STORE_URI"} <= set(
        values
    )


def test_prefect_s_server_is_the_guarded_one() -> None:
    started = unit(DEPLOY / "systemd" / "coincast-prefect.service")["Service"]["ExecStart"].split()
    assert started[1:3] == COMPOSE["services"]["prefect"]["command"][1:3] == ["-m", guarded_server.__name__]
    # Neighbours in compose ask for it by its service's name.
    assert "prefect" in COMPOSE["services"]["prefect"]["command"][5:]
    assert "PREFECT_NAMES=\n" in (DEPLOY / "coincast.env.example").read_text()


def test_pages_of_prefect_ask_the_server_that_they_came_from() -> None:
    variable = "PREFECT_SERVER_UI_API_URL"
    assert f"{variable}=/api\n" in (DEPLOY / "coincast.env.example").read_text()
    assert COMPOSE["services"]["prefect"]["environment"][variable] == "/api"


def test_the_user_may_make_tables_in_its_databases(postgres_url: str) -> None:
    """By the names of the file, made unique; as a user who is nothing but their owner."""
    import psycopg

    mark = uuid.uuid4().hex[:12]
    text = (DEPLOY / "postgres" / "databases.sql").read_text()
    orders = [
        re.sub(r"\b(coincast|prefect|mlflow)\b", rf"\1_{mark}", line)
        for line in text.splitlines()
        if not line.startswith("--")
    ]
    names = [order.split()[2] for order in orders]
    assert names == [f"prefect_{mark}", f"mlflow_{mark}"]
    admin = postgres_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE coincast_{mark} LOGIN")
        try:
            for order in orders:
                connection.execute(order)
            for name in names:
                address = admin.replace("postgres@", f"coincast_{mark}@").rpartition("/")[0]
                with psycopg.connect(f"{address}/{name}") as own:
                    own.execute("CREATE EXTENSION pg_trgm")
                    own.execute("CREATE TABLE runs (id integer)")
        finally:
            for name in names:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"DROP ROLE coincast_{mark}")


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_is_watched_and_published_on_loopback_only(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "network_mode" not in service
    assert "privileged" not in service
    for needed, how in service.get("depends_on", {}).items():
        assert needed in COMPOSE["services"]
        assert how == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_secret_is_required_and_none_is_written_down(name: str) -> None:
    for key, value in COMPOSE["services"][name]["environment"].items():
        taken = re.findall(r"\$\{(\w+)(.*?)\}", value)
        assert all(rest.startswith(":?") for _, rest in taken), key
        if re.search(r"PASSWORD|AUTH_STRING|SECRET", key) or "@" in value:
            assert taken, f"{name}: {key} must come from the environment"


@pytest.mark.parametrize("name", [name for name in COMPOSE["services"] if name != "postgres"])
def test_a_command_exists(name: str) -> None:
    words = COMPOSE["services"][name]["command"]
    commands = words[2].replace("exec ", "").split(" && ") if words[:2] == ["sh", "-c"] else [" ".join(words)]
    for command in commands:
        assert_command_exists(command.split())


def test_volumes_and_files_that_are_named_are_there() -> None:
    named = [
        volume.split(":")[0] for one in COMPOSE["services"].values() for volume in one.get("volumes", [])
    ]
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])
    dockerfile = COMPOSE["x-coincast"]["build"]["dockerfile"].removeprefix("deploy/")
    files = [dockerfile, *(name for name in named if name.startswith("."))]
    assert all((DEPLOY / name).exists() for name in files)
