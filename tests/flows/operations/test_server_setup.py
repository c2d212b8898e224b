"""prefect.yaml and prefect.toml, held against Prefect's own models: it ignores a key that it does not know."""

import inspect
import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from flows.edges.configuration import PROJECT
from flows.operations.server_setup import CHUNKS, QUEUES

pytestmark = pytest.mark.slow

TEXT = (PROJECT / "prefect.yaml").read_text()
# What whoever calls a deployment must say.
REQUIRED = {
    "backfill": {"first": "2025-01-01", "last": "2025-12-31"},
    "backfill-chunk": {"backfill_id": "260401-1a2b3c", "chunk": 0},
}
NAMES = [deployment["name"] for deployment in yaml.safe_load(TEXT)["deployments"]]


def lint(text: str) -> list[str]:
    """What is wrong with the text of a prefect.yaml, a line each."""
    from prefect.cli.deploy import _models as known

    project = yaml.safe_load(text)
    faults = unknown("prefect.yaml", project, {*known.PrefectYamlModel.model_fields, "prefect-version"})
    for deployment in project["deployments"]:
        where = f"deployment {deployment.get('name')!r}"
        faults += unknown(where, deployment, set(known.DeploymentConfig.model_fields))
        faults += [f"{where} has no {key}" for key in ("name", "description", "entrypoint", "schedules")
                   if key not in deployment]  # fmt: skip
        pool = deployment.get("work_pool") or {}
        faults += unknown(f"{where}, work_pool", pool, set(known.WorkPoolConfig.model_fields))
        faults += [] if pool.get("name") else [f"{where} names no work pool"]
        faults += limit_faults(where, deployment.get("concurrency_limit"))
        for schedule in deployment.get("schedules") or []:
            faults += schedule_faults(where, schedule)
        faults += parameter_faults(where, deployment)
    return faults


def unknown(where: str, given: Mapping[str, Any], known: set[str]) -> list[str]:
    return [f"{where}: {key!r} is no key of Prefect's" for key in given if key not in known]


def limit_faults(where: str, limit: Any) -> list[str]:
    from prefect.cli.deploy._models import ConcurrencyLimitSpec
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy

    if not isinstance(limit, dict) or not isinstance(limit.get("limit"), int):
        return [f"{where}: concurrency_limit is {limit!r}, not a limit and what happens at it"]
    faults = unknown(f"{where}, concurrency_limit", limit, set(ConcurrencyLimitSpec.model_fields))
    strategies = {one.value for one in ConcurrencyLimitStrategy}
    if limit.get("collision_strategy") not in strategies:
        faults.append(f"{where}: collision_strategy is one of {sorted(strategies)}")
    return faults


def schedule_faults(where: str, schedule: Mapping[str, Any]) -> list[str]:
    from prefect.cli.deploy._models import RawScheduleConfig
    from prefect.client.schemas.schedules import CronSchedule

    faults = unknown(f"{where}, schedule", schedule, set(RawScheduleConfig.model_fields))
    if missing := {"cron", "slug", "timezone"} - set(schedule):
        return [*faults, f"{where}: a schedule has no {sorted(missing)}"]
    CronSchedule(cron=schedule["cron"], timezone=ZoneInfo(schedule["timezone"]).key)
    return faults


def parameter_faults(where: str, deployment: Mapping[str, Any]) -> list[str]:
    path, _, name = str(deployment.get("entrypoint")).partition(":")
    flow = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
    accepted = set(inspect.signature(flow.fn).parameters)
    return unknown(f"{where}, parameters", deployment.get("parameters") or {}, accepted)


def test_prefect_yaml_says_nothing_that_prefect_ignores() -> None:
    assert lint(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("concurrency_limit:", "concurency_limit:", "'concurency_limit' is no key"),
        ("      limit: 1", "      limits: 1", "not a limit"),
        ("ENQUEUE", "QUEUE", "collision_strategy is one of"),
        ("collision_strategy:", "on_collision:", "'on_collision' is no key"),
        ("      name: coincast", "      pool: coincast", "names no work pool"),
        ("        slug:", "        name:", "a schedule has no ['slug']"),
        ("        timezone:", "        time_zone:", "a schedule has no ['timezone']"),
        ("    parameters: {wait", "    parameters: {await", "'await' is no key"),
        ("    description:", "    about:", "has no description"),
        ("deployments:", "versions: 1\ndeployments:", "'versions' is no key"),
    ],
)
def test_a_misspelt_key_is_found(right: str, wrong: str, fault: str) -> None:
    assert right in TEXT
    assert any(fault in line for line in lint(TEXT.replace(right, wrong, 1)))


def test_names_and_slugs_are_used_once() -> None:
    project = yaml.safe_load(TEXT)
    slugs = [schedule["slug"] for one in project["deployments"] for schedule in one["schedules"]]
    assert len(set(NAMES)) == len(NAMES)
    assert len(set(slugs)) == len(slugs)
    assert project["prefect-version"] == version("prefect")


def test_chunks_are_in_the_limited_queue_and_go_after_their_driver_and_the_day() -> None:
    deployments = yaml.safe_load(TEXT)["deployments"]
    queues = {one["name"]: one["work_pool"]["work_queue_name"] for one in deployments}
    assert set(queues.values()) == set(QUEUES)
    assert queues["backfill-chunk"] == CHUNKS
    priorities = [QUEUES[queues[name]] for name in ("daily", "backfill", "backfill-chunk")]
    assert priorities == sorted(set(priorities))


@pytest.mark.parametrize("name", NAMES)
def test_every_entrypoint_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.chdir(PROJECT)
    [deployment] = [one for one in yaml.safe_load(TEXT)["deployments"] if one["name"] == name]
    loaded = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    loaded.validate_parameters(REQUIRED.get(name, {}) | (deployment.get("parameters") or {}))
    assert loaded.name == name


def test_no_flow_hides_a_package() -> None:
    """A path entrypoint puts flows/ first on sys.path."""
    rooms = {path.name for path in PROJECT.iterdir() if (path / "__init__.py").exists()}
    taken = set(sys.stdlib_module_names) | set(packages_distributions()) | rooms
    assert {path.stem for path in (PROJECT / "flows").iterdir() if path.stem[0] not in "._"} & taken == set()


def test_prefect_toml_is_in_force(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from prefect.settings.models.root import Settings

    written = tomllib.loads((PROJECT / "prefect.toml").read_text())
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.chdir(PROJECT)
    settings = Settings()
    in_force = dict(leaves(written, lambda keys: value_at(settings, keys)))
    assert in_force == {
        "server.ephemeral.startup_timeout_seconds": 90,
        "server.analytics_enabled": False,
        "logging.extra_loggers": ["coincast"],
        "flows.heartbeat_frequency": 30,
        "server.services.db_vacuum.enabled": {"events", "flow_runs"},
    }


def leaves(table: Mapping[str, Any], value: Callable[[list[str]], Any], *above: str) -> list[tuple[str, Any]]:
    """Each key of nested tables, dotted, with what `value` says of its path."""
    found: list[tuple[str, Any]] = []
    for key, content in table.items():
        path = [*above, key]
        found += (
            leaves(content, value, *path) if isinstance(content, dict) else [(".".join(path), value(path))]
        )
    return found


def value_at(settings: Any, keys: list[str]) -> Any:
    """A setting by its path; a key that Prefect does not have raises AttributeError."""
    for key in keys:
        settings = getattr(settings, key)
    return settings
