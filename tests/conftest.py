"""What every test shares: a state folder of its own, the real files where they lie, services where they answer."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

from flows.edges.machine.prefect_settings import NEEDED, variable
from flows.edges.machine.runtime import prepare_environment

if TYPE_CHECKING:
    from pipeline.features.feature_grid import FeatureGrid

# What is temporary goes with the process, and Prefect's state with it; what pytest keeps of a failed test stays.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
_TEMPORARY: Final = tempfile.TemporaryDirectory(prefix="coincast-tests-", ignore_cleanup_errors=True)
tempfile.tempdir = os.environ["TMPDIR"] = _TEMPORARY.name
os.environ["PREFECT_HOME"] = f"{_TEMPORARY.name}/prefect"
# Before anything imports Keras: numbers that processes are compared by are those of an operator's run.
prepare_environment()
# Without Prefect's import, which fast tests do without.
for path, value in NEEDED.items():
    os.environ.setdefault(variable(path), value)
# On a busy machine the first example of a property, with its imports, takes longer than Hypothesis would allow.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

MARKET = Path(__file__).resolve().parents[2] / "shared" / "market"
SERVER_START_S: Final = 240
SERVICES_REQUIRED = os.environ.get("COINCAST_REQUIRE_SERVICES") == "1"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`make test-fast` does not even import a module that is slow as a whole."""
    if config.getoption("markexpr") != "not slow" or collection_path.suffix != ".py":
        return None
    marks = re.search(r"^pytestmark = .*\bslow\b", collection_path.read_text(encoding="utf-8"), re.MULTILINE)
    return True if marks else None


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads the operator's settings or writes the operator's state."""
    for name in list(os.environ):
        if name.startswith("COINCAST_") and name != "COINCAST_REQUIRE_SERVICES":
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("COINCAST_HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlruns' / 'mlflow.db'}")
    return home


@pytest.fixture(scope="session")
def market() -> Path:
    """The folder of real files; it is not part of the project."""
    if not MARKET.is_dir():
        pytest.skip("real market files are not here (they are not part of the project)")
    return MARKET


@pytest.fixture(scope="session")
def prefect_harness() -> Iterator[None]:
    """A Prefect server of the session's own; flows called below it leave nothing behind."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # The heartbeat's thread costs a second a flow.
    settings = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with prefect_test_harness(server_startup_timeout=90), settings:
        yield


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A fresh PostgreSQL database on loopback, dropped afterwards."""
    with _fresh_postgres() as url:
        yield url


@pytest.fixture
def another_postgres_url() -> Iterator[str]:
    """One more, for a server that has its own."""
    with _fresh_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same test on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'coincast.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One database of each kind for all tests that keep to rows of their own: making one takes a second."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('shared') / 'coincast.db'}"
        return
    with _fresh_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def run_server() -> Callable[..., AbstractContextManager[str]]:
    """Runs `python -m …` as a server on a free port of loopback, in a session of its own, while a block lasts.

    In the order `{port}` stands for the port. The block gets the server's address once `health` answers there.
    """
    return _server


@contextmanager
def _server(
    order: list[str], *, health: str, log: Path, environment: dict[str, str] | None = None
) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    # MLflow starts the programs that it finds on the PATH.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *(word.format(port=port) for word in order)],
            cwd=log.parent, env={**os.environ, "PATH": path, **(environment or {})}, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for(f"{address}{health}", server, log)
            yield address
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    limit = time.monotonic() + SERVER_START_S
    while time.monotonic() < limit and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"nothing answers at {url}: {log.read_text(errors='replace')[-1000:]}")


@pytest.fixture(scope="session")
def shuffle_days() -> Callable[..., "FeatureGrid"]:
    """Puts a grid's days up to `until` in another order: what follows a day is not what followed it."""

    def shuffle(featured: "FeatureGrid", *, until: date) -> "FeatureGrid":
        import numpy as np
        import pandas as pd

        grid = featured.table
        past = (grid["date"] <= pd.Timestamp(until)).to_numpy()
        order = np.random.default_rng(7).permutation(past.sum())
        before = grid["close"].shift(1, fill_value=grid["open"].iloc[0])
        moves = np.log(grid[["open", "high", "low", "close"]].div(before, axis=0))[past].to_numpy()[order]
        start = np.log(before.iloc[0]) + np.concatenate([[0.0], np.cumsum(moves[:-1, 3])])
        mixed = grid.copy()
        mixed.loc[past, ["open", "high", "low", "close"]] = np.exp(start[:, None] + moves)
        return featured.of(mixed)

    return shuffle


@contextmanager
def _fresh_postgres() -> Iterator[str]:
    if not _answers(5432):
        if SERVICES_REQUIRED:
            pytest.fail("COINCAST_REQUIRE_SERVICES=1, and no PostgreSQL answers at 127.0.0.1:5432")
        pytest.skip("no PostgreSQL answers at 127.0.0.1:5432")
    import psycopg

    name = f"coincast_{uuid.uuid4().hex[:12]}"
    admin = "postgresql://postgres@127.0.0.1:5432/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield f"postgresql+psycopg://postgres@127.0.0.1:5432/{name}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
