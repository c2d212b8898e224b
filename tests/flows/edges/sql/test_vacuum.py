"""Files that other libraries keep, vacuumed beside their readers and writers; the rows are the oracle."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows.edges.sql import vacuum as module
from flows.edges.sql.vacuum import size_of, sqlite_file, vacuum

ROWS = 4000


@pytest.fixture(params=["delete", "wal"])
def half_empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file of 4,000 rows of 1 kB of which three quarters were deleted, by a server that goes on."""
    file = tmp_path / "a file.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as server:
        server.execute(f"PRAGMA journal_mode = {request.param}")
        server.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, text TEXT)")
        server.execute("BEGIN")
        server.executemany("INSERT INTO kept (text) VALUES (?)", ((f"{n:1000}",) for n in range(ROWS)))
        server.execute("COMMIT")
        server.execute("DELETE FROM kept WHERE id % 4")
        server.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield file


def rows(file: Path) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(file)) as reader:
        return reader.execute("SELECT id, text FROM kept ORDER BY id").fetchall()


def test_the_disk_gets_back_what_is_free_and_the_rows_stay(half_empty: Path) -> None:
    before, kept = size_of(half_empty), rows(half_empty)
    told = vacuum("a server", f"sqlite+aiosqlite:///{half_empty}", dry_run=True)
    assert (told.size, size_of(half_empty)) == (before, before)
    done = vacuum("a server", f"sqlite+aiosqlite:///{half_empty}")
    assert (done.name, done.place, done.skipped) == ("a server", str(half_empty), "")
    assert done.freed == before - size_of(half_empty) > 0.7 * before
    assert done.freed == pytest.approx(told.freed, rel=0.02)
    assert rows(half_empty) == kept
    assert vacuum("a server", f"sqlite:///{half_empty}").freed == 0


def test_a_reader_in_the_middle_of_its_work_and_a_writer_are_not_disturbed(
    half_empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    before, kept = size_of(half_empty), rows(half_empty)
    with closing(sqlite3.connect(half_empty, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO kept (text) VALUES ('new')")
        done = vacuum("a server", f"sqlite:///{half_empty}")
        assert "another process writes" in done.skipped
        assert (done.freed, done.size) == (0, pytest.approx(before, rel=0.01))
        writer.execute("COMMIT")
    assert len(rows(half_empty)) == len(kept) + 1
    assert vacuum("a server", f"sqlite:///{half_empty}").freed > 0


def test_a_disk_without_room_for_the_copy_is_told(half_empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    done = vacuum("a server", f"sqlite:///{half_empty}")
    assert "a copy needs" in done.skipped
    assert done.freed == 0


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("postgresql://user:secret@db.example/coincast", "no SQLite file"),
        ("https://mlflow.example", "no SQLite file"),
        ("", "no SQLite file"),
        ("sqlite:////nowhere/at/all.db", "nothing was written yet"),
    ],
)
def test_what_is_no_file_here_is_left_alone_and_no_secret_told(address: str, reason: str) -> None:
    done = vacuum("a server", address)
    assert reason in done.skipped
    assert "secret" not in done.place
    assert (done.size, done.freed) == (0, 0)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    assert "not a database" in vacuum("a server", f"sqlite:///{tmp_path / 'x.db'}").skipped


def test_memory_is_no_file() -> None:
    assert sqlite_file("sqlite://") is None
    assert sqlite_file("sqlite:///:memory:") is None
