"""Sizes of stores whose bytes and dates are known."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.edges.configuration import configuration
from flows.edges.machine.sizes import Store, stores

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture(autouse=True)
def prefect_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "prefect" / "prefect.db"
    monkeypatch.setattr("flows.edges.machine.databases.database_url", lambda: f"sqlite+aiosqlite:///{file}")
    return file


def write(file: Path, table: str, column: str, values: list[object]) -> int:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"CREATE TABLE {table} ({column})")
        database.executemany(f"INSERT INTO {table} VALUES (?)", [(one,) for one in values])
        database.commit()
    return file.stat().st_size


def found() -> dict[str, Store]:
    return {one.name: one for one in stores(configuration().places, now=NOW)}


def test_where_nothing_was_written_nothing_is_told_or_made(tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert found() == {}
    assert sorted(tmp_path.rglob("*")) == before


def test_bytes_and_those_of_the_last_thirty_days(
    own_state: Path, tmp_path: Path, prefect_of_its_own: Path
) -> None:
    dates = [days_ago(back) for back in (1, 29, 31, 300)]
    texts = [f"{one:%Y-%m-%d %H:%M:%S.%f}" for one in dates]
    ledger = write(own_state / "coincast.db", "issuances", "issued_at", [*texts])
    mlflow = tmp_path / "mlruns" / "mlflow.db"
    runs = write(mlflow, "runs", "start_time", [int(one.timestamp() * 1000) for one in dates[:3]])
    prefect = write(prefect_of_its_own, "flow_run", "created", [*texts[:1]])
    for folder in (own_state / "snapshots", own_state / "site", mlflow.parent / "artifacts"):
        folder.mkdir(parents=True)
        for size, back in ((100, 2), (1000, 40)):
            file = folder / f"{size}"
            file.write_bytes(b"x" * size)
            os.utime(file, (days_ago(back).timestamp(),) * 2)
        os.link(folder / "100", folder / "the same")
    assert found() == {
        one.name: one
        for one in (
            Store("ledger's database", ledger, ledger // 2),
            Store("MLflow's database", runs, round(runs * 2 / 3)),
            Store("MLflow's artifacts", 1100, 100),
            Store("Prefect's database", prefect, prefect),
            Store("snapshots", 1100, 100),
            Store("publication", 1100),
        )
    }


def test_a_database_of_another_kind_has_a_size_and_no_growth(own_state: Path) -> None:
    size = write(own_state / "coincast.db", "others", "x", [1])
    assert found() == {"ledger's database": Store("ledger's database", size)}
