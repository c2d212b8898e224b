"""Prefect's settings of a process that was started anywhere, and of every file that says them once more."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.edges.configuration import PROJECT
from flows.edges.machine.prefect_settings import NEEDED, variable

IN_FORCE = {
    "server.ephemeral.enabled": True,
    "server.ephemeral.startup_timeout_seconds": 90,
    "server.analytics_enabled": False,
    "server.events.expired_bucket_buffer": "P7D",
    "server.services.db_vacuum.enabled": ["events", "flow_runs"],
    "logging.extra_loggers": ["coincast"],
    "logging.to_api.when_missing_flow": "ignore",
    "flows.heartbeat_frequency": 30,
}
TELL = """
from prefect.settings import get_current_settings
import json
print(json.dumps(get_current_settings().model_dump(mode="json")))
"""
# As a notebook does: Prefect first, which reads its settings then; and a process that this one starts.
APPLY = f"""
import logging, subprocess, sys
from prefect import flow
from flows.edges.machine.prefect_settings import apply_prefect_settings
apply_prefect_settings()
{TELL}
subprocess.run([sys.executable, "-c", {TELL!r}], check=True)
print(json.dumps(sorted(type(one).__name__ for one in logging.getLogger("coincast").handlers)))
"""


def told(folder: Path, **variables: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """What is in force in a process that was started in a foreign folder, in its child, and who gets its lines."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    home = {"PREFECT_HOME": str(folder / "prefect"), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", APPLY], cwd=folder, env=own | home | variables,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here, child, handlers = (json.loads(line) for line in done.stdout.splitlines())
    return needed(here), needed(child), handlers


def needed(settings: Mapping[str, Any]) -> dict[str, Any]:
    values = {path: value_at(settings, path) for path in NEEDED}
    # What Prefect reads as a set comes in any order.
    return {path: sorted(value) if isinstance(value, list) else value for path, value in values.items()}


def value_at(tables: Any, path: str) -> Any:
    for key in path.split("."):
        tables = tables[key]
    return tables


def leaves(table: Mapping[str, Any], *above: str) -> Iterator[tuple[str, Any]]:
    for key, content in table.items():
        if isinstance(content, dict):
            yield from leaves(content, *above, key)
        else:
            yield ".".join([*above, key]), content


@pytest.mark.slow
def test_they_hold_in_a_foreign_folder_and_in_what_is_started_from_there(tmp_path: Path) -> None:
    here, child, handlers = told(tmp_path)
    assert here == IN_FORCE
    assert child == IN_FORCE
    assert handlers == ["APILogHandler"]


@pytest.mark.slow
def test_what_the_user_chose_wins(tmp_path: Path) -> None:
    profiles = tmp_path / "prefect" / "profiles.toml"
    profiles.parent.mkdir()
    profiles.write_text(
        'active = "office"\n[profiles.office]\nPREFECT_FLOWS_HEARTBEAT_FREQUENCY = "600"\n'
        'PREFECT_SERVER_ALLOW_EPHEMERAL_MODE = "false"\n'
    )
    here, child, _ = told(tmp_path, PREFECT_SERVER_ANALYTICS_ENABLED="true")
    chosen = {
        "flows.heartbeat_frequency": 600,
        "server.ephemeral.enabled": False,
        "server.analytics_enabled": True,
    }
    assert here == IN_FORCE | chosen
    assert child == IN_FORCE | chosen


def test_prefect_toml_says_the_same() -> None:
    written = dict(leaves(tomllib.loads((PROJECT / "prefect.toml").read_text())))
    assert {path: str(value).lower() for path, value in written.items()} == {
        path: NEEDED[path] for path in written
    }


def test_the_units_and_the_compose_file_say_the_same_of_servers() -> None:
    lines = (PROJECT / "deploy" / "coincast.env.example").read_text().splitlines()
    compose = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text())["services"]["prefect"]
    for written in (dict(line.split("=", 1) for line in lines if line[0] != "#"), compose["environment"]):
        for path in (
            "server.analytics_enabled",
            "server.events.expired_bucket_buffer",
            "server.services.db_vacuum.enabled",
        ):
            assert written[variable(path)] == NEEDED[path]
