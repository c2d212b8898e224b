"""PostgreSQL, MLflow, Prefect or the object store away for a while in each stage: waited for, or named in one line."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.soak.installation import DAY, Installation, daily, require_whole_site
from tests.soak.processes import Command
from tests.soak.proxy import Proxy

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(4 * 3600)]

AWAY_S = float(os.environ.get("SOAK_AWAY_S", "60"))
ALL = "begin,download,check,train,evaluate,register,forecast,score,publish"
STAGES = tuple(os.environ.get("SOAK_STAGES", ALL).split(","))
# Any of them names the service.
NAMES = {
    "postgresql": ("postgresql",),
    "mlflow": ("MLflow",),
    "prefect": ("Prefect",),
    "objects": ("s3://",),
}


@dataclass
class Services:
    """Servers, each behind a proxy."""

    proxies: dict[str, Proxy] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, address: str) -> None:
        """One that answers at an address."""
        split = urlsplit(address)
        assert split.port is not None
        self.proxies[name] = proxy = Proxy(split.port)
        place = f"{split.username}@127.0.0.1" if split.username else "127.0.0.1"
        self.addresses[name] = urlunsplit(split._replace(netloc=f"{place}:{proxy.port}"))

    def fetch(self, place: str, folder: Path) -> None:
        """Objects as files."""
        import s3fs

        s3fs.S3FileSystem(endpoint_url=self.addresses["objects"], skip_instance_cache=True).get(
            place, str(folder), recursive=True
        )


@pytest.fixture
def services(
    postgres_url: str,
    prefect_api: str,
    tmp_path: Path,
    run_server: Callable[..., AbstractContextManager[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Services]:
    """Four real ones on loopback."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in {
        "ACCESS_KEY_ID": "test",
        "SECRET_ACCESS_KEY": "test",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    objects = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    objects.start()
    endpoint = "http://{}:{}".format(*objects.get_host_and_port())
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="coincast")
    order = [
        "mlflow", "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}",
        "--artifacts-destination", str(tmp_path / "models"),
    ]  # fmt: skip
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_TRACKING_URI": ""}
    with run_server(order, health="/health", log=tmp_path / "mlflow.log", environment=environment) as mlflow:
        found = Services()
        for name, address in zip(NAMES, (postgres_url, mlflow, prefect_api, endpoint), strict=True):
            found.add(name, address)
        yield found
        for proxy in found.proxies.values():
            proxy.close()
    objects.stop()


def wait_for(command: Command, stage: str) -> None:
    """Until the stage begins."""
    while command.is_alive and stage != "begin" and f"  {stage}\n" not in command.said:
        time.sleep(0.02)


def check(here: Installation, proxy: Proxy, name: str, *, stage: str, night: int) -> None:
    """What became of a night while the service was away; then the same again, with the service."""
    command = here.begin(*daily(DAY + timedelta(days=night)))
    wait_for(command, stage)
    proxy.close()
    # Who has ended by then did not wait.
    command.wait(AWAY_S)
    proxy.open()
    ended = command.end()
    print(f"{name} away in {stage}: {ended.code} after {ended.seconds:.0f} s: {ended.last_line}")
    again = here.run(*daily(DAY + timedelta(days=night)))
    assert again.code == 0, again.said[-3000:]
    if ended.code:
        assert ended.last_line.startswith("coincast: "), ended.said[-3000:]
        assert any(word in ended.last_line for word in NAMES[name]), ended.last_line
        assert "Traceback" not in ended.said, ended.said[-3000:]


@pytest.mark.parametrize("name", NAMES)
def test_a_service_that_is_away_is_waited_for_or_named(
    services: Services,
    installation: Callable[..., Installation],
    tmp_path: Path,
    name: str,
) -> None:
    last = DAY + timedelta(days=len(STAGES))
    undisturbed = installation(tmp_path / "undisturbed", until=last)
    here = installation(
        tmp_path / "here",
        until=last,
        COINCAST_DATABASE_URL=services.addresses["postgresql"],
        MLFLOW_TRACKING_URI=services.addresses["mlflow"],
        PREFECT_API_URL=services.addresses["prefect"],
        AWS_ENDPOINT_URL=services.addresses["objects"],
        COINCAST_SNAPSHOTS_TO="s3://coincast/snapshots",
        COINCAST_PUBLISH_TO="s3://coincast/site",
    )
    lost = []
    for night, stage in enumerate(STAGES):
        assert undisturbed.run(*daily(DAY + timedelta(days=night))).code == 0
        try:
            check(here, services.proxies[name], name, stage=stage, night=night)
        except (AssertionError, TimeoutError) as error:
            lost.append(f"{name} in {stage}: {error}")
    print(f"{len(STAGES)} times away, {len(lost)} lost")
    services.fetch("coincast/site", here.home / "site")
    here.require_whole()
    require_whole_site(here.home / "site")
    here.require_same(undisturbed)
    assert lost == []
