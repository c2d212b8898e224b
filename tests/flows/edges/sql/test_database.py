import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from flows.edges.sql.database import insert_missing, open_database, reading, writing
from flows.edges.sql.schema import MIGRATIONS, newest_revision
from flows.edges.sql.tables import metadata, prunings, snapshots
from pipeline.errors import SettingsError, StoreError

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
OPENER = """
import sys
from flows.edges.sql.database import open_database
open_database(sys.argv[1]).dispose()
"""


def open_elsewhere(url: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPENER, url], cwd=folder, stderr=subprocess.PIPE, text=True
    )


def tables_of(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def version_of(engine: sa.Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars())


@pytest.mark.slow
def test_a_fresh_database_opened_by_four_processes_at_once_is_made_once(
    database_url: str, tmp_path: Path
) -> None:
    openers = [open_elsewhere(database_url, tmp_path) for _ in range(4)]
    complaints = [opener.communicate(timeout=60)[1] for opener in openers]
    assert [(opener.returncode, text) for opener, text in zip(openers, complaints, strict=True)] == [
        (0, "")
    ] * 4
    engine = open_database(database_url)
    assert version_of(engine) == [newest_revision()]
    assert tables_of(engine) >= {"snapshots", "fetches", "prunings"}
    engine.dispose()


def test_threads_open_a_fresh_database_too(database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        engines = list(threads.map(open_database, [database_url] * 4))
    assert [version_of(engine) for engine in engines] == [[newest_revision()]] * 4
    for engine in engines:
        engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_declares(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    edges = MIGRATIONS.parents[1]
    for path in edges.rglob("*tables.py"):
        import_module(".".join(("flows", *path.relative_to(edges.parent).with_suffix("").parts)))
    engine = open_database(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_what_was_published_before_choices_were_kept_is_the_gates(database_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS))
    alembic.set_main_option("path_separator", "os")
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "0003")
        columns = "series, as_of, model_id, now, published_at"
        row = "'binance/BTCUSDT/1d', '2026-03-28', 'm', '2026-03-29 00:15:00', '2026-03-29 00:15:00'"
        connection.execute(sa.text(f"INSERT INTO publications ({columns}) VALUES ({row})"))
    engine.dispose()
    engine = open_database(database_url)
    assert version_of(engine) == [newest_revision()]
    with reading(engine) as connection:
        kept = connection.execute(sa.text("SELECT model_id, chosen_by, run_id FROM publications")).all()
    assert [tuple(one) for one in kept] == [("m", "gate", "")]
    engine.dispose()


def test_the_newest_revision_is_alembics_only_head() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [newest_revision()]


@pytest.mark.slow
def test_a_database_at_its_head_opens_fast_and_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'coincast.db'}"
    open_database(url).dispose()
    probe = (
        "import sys, time; from flows.edges.sql.database import open_database\n"
        "start = time.perf_counter(); open_database(sys.argv[1]).dispose()\n"
        "print(time.perf_counter() - start, 'alembic' in sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", probe, url], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(3)
    ]
    assert {alembic for _, alembic in runs} == {"False"}
    assert min(float(seconds) for seconds, _ in runs) < 0.05


def test_the_state_folder_is_made_and_the_journal_is_write_ahead(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'deep' / 'er' / 'coincast.db'}")
    with reading(engine) as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 1, 30_000]
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_and_the_next_open_succeeds(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*tables: str) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("flows.edges.sql.migrations.append_only.make_append_only", stop)
        with pytest.raises(RuntimeError, match="killed"):
            open_database(database_url)
    engine = open_database(database_url)
    assert version_of(engine) == [newest_revision()]
    engine.dispose()


def test_a_database_of_a_newer_coincast_is_refused(database_url: str) -> None:
    engine = open_database(database_url)
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match=r"revision 9999, and this coincast knows \d+ at most: update"):
        open_database(database_url)


@pytest.mark.parametrize("spelling", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_taken(postgres_url: str, spelling: str) -> None:
    engine = open_database(postgres_url.replace("postgresql+psycopg", spelling))
    assert engine.dialect.driver == "psycopg"
    engine.dispose()


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:hush@h/d"])
def test_what_is_not_a_database_of_ours_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match=r"sqlite:////absolute/coincast\.db or postgresql://") as caught:
        open_database(url)
    assert "hush" not in str(caught.value)


def test_an_unreachable_server_is_one_line_without_user_and_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://teller:hush@127.0.0.1:{closed.getsockname()[1]}/coincast"
        with pytest.raises(StoreError) as caught:
            open_database(url)
    text = str(caught.value)
    assert "postgresql+psycopg://127.0.0.1:" in text
    assert "teller" not in text
    assert "hush" not in text
    assert "\n" not in text
    assert len(text) < 500


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "coincast.db"
    path.write_bytes(b"once upon a time " * 100)
    with pytest.raises(StoreError, match=r"coincast\.db: file is not a database\. The file is damaged"):
        open_database(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"once upon")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="Cannot make"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'sub' / 'coincast.db'}")


@pytest.mark.parametrize("change", ["DELETE FROM prunings", "UPDATE prunings SET sha256 = 'other'"])
def test_rows_are_only_ever_added(database_url: str, change: str) -> None:
    engine = open_database(database_url)
    with writing(engine) as connection:
        connection.execute(prunings.insert(), {"sha256": "a", "pruned_at": NOON})
    with pytest.raises(StoreError, match="table prunings only grows"), writing(engine) as connection:
        connection.execute(sa.text(change))
    with reading(engine) as connection:
        assert connection.execute(sa.select(prunings.c.sha256)).scalars().all() == ["a"]
    engine.dispose()


def test_an_instant_comes_back_in_utc_and_a_naive_one_is_refused(database_url: str) -> None:
    engine = open_database(database_url)
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with writing(engine) as connection:
        connection.execute(prunings.insert(), {"sha256": "a", "pruned_at": elsewhere})
    with reading(engine) as connection:
        found = connection.execute(sa.select(prunings.c.pruned_at)).scalar_one()
    assert (found, found.tzinfo) == (NOON, UTC)
    with pytest.raises((StoreError, SQLAlchemyError), match="time zone"), writing(engine) as connection:
        connection.execute(prunings.insert(), {"sha256": "b", "pruned_at": NOON.replace(tzinfo=None)})
    engine.dispose()


def test_only_missing_rows_are_added(database_url: str) -> None:
    engine = open_database(database_url)
    rows = [{"id": number, "sha256": f"{number}", "pruned_at": NOON} for number in (1, 2)]
    with writing(engine) as connection:
        assert insert_missing(connection, prunings, rows[:1]) == 1
        assert insert_missing(connection, prunings, rows) == 1
        assert insert_missing(connection, prunings, []) == 0
    engine.dispose()


def test_writers_that_read_first_wait_for_each_other(database_url: str) -> None:
    engine = open_database(database_url)

    def count_and_add(_: int) -> int:
        with writing(engine) as connection:
            found = connection.execute(sa.select(sa.func.count()).select_from(prunings)).scalar_one()
            time.sleep(0.02)
            connection.execute(prunings.insert(), {"sha256": str(found), "pruned_at": NOON})
        return os.getpid()

    with ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(count_and_add, range(8)))) == 8
    engine.dispose()


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'coincast.db'}")
    with writing(engine) as writer:
        writer.execute(prunings.insert(), {"sha256": "a", "pruned_at": NOON})
        started = time.perf_counter()
        with reading(engine) as reader:
            assert reader.execute(sa.select(prunings)).all() == []
        assert time.perf_counter() - started < 5
    engine.dispose()


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int32, np.int64, np.uint64, np.longlong])
def test_numpy_s_integers_come_back_as_the_numbers_that_they_are(database_url: str, kind: type) -> None:
    engine = open_database(database_url)
    row = {
        "series": "binance/BTCUSDT/1d", "sha256": "a" * 64, "url": "", "fetched_at": NOON, "etag": "",
        "last_modified": "", "size": kind(117), "rows": kind(7), "first": NOON.date(), "last": NOON.date(),
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(sa.insert(snapshots), row)
    with reading(engine) as connection:
        found = connection.execute(
            sa.select(snapshots.c.size, snapshots.c.rows).where(snapshots.c.size == 117)
        )
        ((size, rows),) = found.all()
    engine.dispose()
    assert (size, rows) == (117, 7)
    assert type(size) is int
