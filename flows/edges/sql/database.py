"""The database: opened at its newest revision, read and written in transactions whose failures have words."""

import errno
import sqlite3
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Engine as Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from flows.edges.clock import clock
from flows.edges.credentials import full_address
from flows.edges.sql.schema import bring_up_to_date, newest_revision
from flows.edges.words import one_line
from pipeline.addresses.address import Address
from pipeline.errors import DiskFullError, SettingsError, StoreError

_BUSY_LIMIT_MS: Final = 30_000
_CONNECT_LIMIT_S: Final = 10
_EXPECTED: Final = "database_url is sqlite:////absolute/coincast.db or postgresql://user@host/name"
_NO_ROOM: Final = ("disk is full", "No space left", "could not extend file")
# What the driver says, and what to do about it.
_ADVICE: Final = {
    "locked": "Another process is writing; run again when it is done.",
    "lock timeout": "Another process is migrating it; run again when it is done.",
    "not a database": "The file is damaged; move it away or restore a backup.",
    "malformed": "The file is damaged; move it away or restore a backup.",
    "constraint": "Nothing was written.",
    "only grows": "Nothing was changed.",
}
_GENERAL_ADVICE: Final = "Check COINCAST_DATABASE_URL, that it can be reached, and your rights on it."


def open_database(url: Address | str) -> sa.Engine:
    """The database at its newest revision; it is made where it is not, once, however many open it at a time.

    Args:
        url: `sqlite:////absolute/coincast.db` or `postgresql://user@host/name`.

    Raises:
        SettingsError: The URL is neither.
        StoreError: The database cannot be reached, is damaged, or was written by a newer coincast.
        DiskFullError: There is no room for it.
    """
    address = _address(url)
    engine = _engine(address)
    try:
        with failures_named(engine):
            _make_folder(address)
            bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def find_database(url: Address | str) -> sa.Engine | None:
    """The database as it stands, neither made nor migrated; None where nothing was written yet.

    Args:
        url: As `open_database` takes it.

    Raises:
        SettingsError: The URL is neither SQLite in a file nor PostgreSQL.
        StoreError: It cannot be reached, is damaged, or has not the revision of this coincast.
    """
    found = revision_of(url)
    if found is None:
        return None
    newest = newest_revision()
    if found != newest:
        remedy = "`coincast scorecard` brings it up to date" if found < newest else "update coincast"
        raise StoreError(f"The database has revision {found[:20]}, this coincast has {newest}: {remedy}.")
    return _engine(_address(url))


def revision_of(url: Address | str) -> str | None:
    """Alembic's revision of any such database as it stands; None where nothing was written yet.

    Raises:
        SettingsError: The URL is neither SQLite in a file nor PostgreSQL.
        StoreError: It cannot be reached or is damaged.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).is_file():
        return None
    engine = _engine(address)
    try:
        with reading(engine) as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(
                sa.text("SELECT version_num FROM alembic_version")
            ).scalar()
            return found
    finally:
        engine.dispose()


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads: on SQLite it sees one state and never waits for a writer.

    Raises:
        StoreError: The database refused.
    """
    with failures_named(engine), engine.connect() as connection:
        yield connection.execution_options(only_reads=True)


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes: committed at the end of the block, gone if it raises.

    On SQLite writers take turns from the start, so that what was read inside still holds when it is written.

    Raises:
        StoreError: The database refused; nothing of the block was written.
        DiskFullError: There is no room; nothing of the block was written.
    """
    with failures_named(engine), engine.begin() as connection:
        yield connection


def shared_now(engine: sa.Engine) -> datetime:
    """The present instant by the one clock of all who share the database.

    PostgreSQL's own: machines' clocks differ. A SQLite file is shared on one machine, whose clock it is.

    Raises:
        StoreError: The database does not answer.
    """
    if engine.dialect.name != "postgresql":
        return clock()
    with reading(engine) as connection:
        now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now


def insert_missing(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add those rows whose key is not there yet, and leave the others as they are.

    Returns:
        How many were added.
    """
    # Each takes a tenth of a second to import, and a command that only reads needs neither.
    dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    # Drivers count an insert's rows differently; what comes back is counted alike.
    statement = dialect.insert(table).on_conflict_do_nothing().returning(sa.literal(1))
    return sum(len(connection.execute(statement, dict(row)).all()) for row in rows)


@contextmanager
def failures_named(engine: sa.Engine) -> Iterator[None]:
    """Turn what the database raises inside into one line that names it without its credentials."""
    try:
        yield
    except SQLAlchemyError as error:
        name = public_name(engine.url)
        reason = one_line(getattr(error, "orig", None) or error, limit=200)
        if tells_no_room(reason):
            raise DiskFullError(f"No room left for {name}: free some space and run again.") from error
        advice = next((text for mark, text in _ADVICE.items() if mark in reason), _GENERAL_ADVICE)
        raise StoreError(f"Database {name}: {reason.rstrip('.')}. {advice}") from error


def tells_no_room(reason: str) -> bool:
    """Whether a database's words say that its disk is full."""
    return any(mark in reason for mark in _NO_ROOM)


def public_name(url: sa.URL) -> str:
    """A database's address without its credentials; SQLAlchemy itself hides the password of the login alone."""
    return str(Address(url.render_as_string(hide_password=False)))


def _address(url: Address | str) -> sa.URL:
    """The URL with the driver that we ship; a SQLite path is absolute.

    Raises:
        SettingsError: Neither SQLite in a file nor PostgreSQL.
    """
    try:
        address = sa.make_url(full_address(url))
    except (ArgumentError, ValueError):
        raise SettingsError(f"{_EXPECTED}; what was given is not a database URL.") from None
    kind = address.get_backend_name()
    if kind in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if kind != "sqlite" or address.database in (None, "", ":memory:"):
        raise SettingsError(f"{_EXPECTED}; got {public_name(address)[:80]!r}.")
    return address.set(drivername="sqlite", database=str(Path(str(address.database)).resolve()))


def _engine(address: sa.URL) -> sa.Engine:
    if address.get_backend_name() == "postgresql":
        return sa.create_engine(
            address, pool_pre_ping=True, connect_args={"connect_timeout": _CONNECT_LIMIT_S}
        )
    engine = sa.create_engine(address, connect_args={"timeout": _BUSY_LIMIT_MS / 1000})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    # Nobody closes an engine by hand; Python 3.13 warns of a connection that is left to the garbage collector.
    weakref.finalize(engine, engine.pool.dispose)
    return engine


@cache
def _adapt_numbers() -> None:
    """Have SQLite store NumPy's integers as numbers: left alone, it stores their bytes, without an error."""
    import numpy as np

    for kind in (*np.sctypeDict.values(), np.longlong, np.ulonglong):
        if issubclass(kind, np.integer | np.bool_):
            sqlite3.register_adapter(kind, int)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own BEGIN comes late, and never before CREATE TABLE: ours makes a migration whole.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_LIMIT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # Who has such a number has imported it; a command that only reads need not.
    if "numpy" in sys.modules:
        _adapt_numbers()
    # A transaction that reads first and writes later fails at once where another wrote in between.
    only_reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _make_folder(address: sa.URL) -> None:
    if address.get_backend_name() != "sqlite":
        return
    folder = Path(str(address.database)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"No room left for {folder}: free some space and run again.") from error
        raise StoreError(
            f"Cannot make {folder} for the database: {error.strerror}. Check its rights."
        ) from error
