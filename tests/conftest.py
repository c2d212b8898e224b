"""What every test shares: a state folder of its own, the real files where they lie, services where they answer."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

MARKET = Path(__file__).resolve().parents[2] / "shared" / "market"
SERVICES_REQUIRED = os.environ.get("COINCAST_REQUIRE_SERVICES") == "1"


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


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A fresh PostgreSQL database on loopback, dropped afterwards."""
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


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same test on both databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'coincast.db'}"
    return str(request.getfixturevalue("postgres_url"))


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
