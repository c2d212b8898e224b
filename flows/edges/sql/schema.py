"""The revision of a database, brought to the newest one exactly once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from filelock import FileLock, Timeout

from pipeline.addresses.address import Address
from pipeline.errors import StoreError

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK_LIMIT_S: Final = 120.0
# Any constant will do as long as it stays: those who open one PostgreSQL database take turns on it.
_ADVISORY_LOCK: Final = 0x636F696E63617374


def newest_revision() -> str:
    """The head of flows/edges/sql/migrations/versions, told by its file names: Alembic takes longer to import."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def bring_up_to_date(engine: sa.Engine) -> None:
    """Run the migrations that a database lacks; does nothing, fast, where it lacks none.

    Raises:
        StoreError: A newer coincast wrote it, or another process has been migrating it for two minutes.
        sqlalchemy.exc.SQLAlchemyError: The database refused; it is as it was.
    """
    with engine.connect() as connection:
        connection.execution_options(only_reads=True)
        if _is_current(connection):
            return
    with _lock(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_LOCK_LIMIT_S:.0f}s'"))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        if not _is_current(connection):
            _upgrade(connection)


def _is_current(connection: sa.Connection) -> bool:
    """Whether nothing is left to migrate.

    Raises:
        StoreError: The database is ahead of this code.
    """
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    newest = newest_revision()
    if found is not None and found > newest:
        name = Address(connection.engine.url.render_as_string(hide_password=False))
        raise StoreError(
            f"Database {name} has revision {found[:20]}, and this coincast knows {newest} at most: "
            "update coincast, or give it a database of its own."
        )
    return bool(found == newest)


@contextmanager
def _lock(engine: sa.Engine) -> Iterator[None]:
    """Keep other processes from a SQLite file while it is made."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or path is None:
        yield
        return
    try:
        with FileLock(f"{path}.lock", timeout=_LOCK_LIMIT_S):
            # The journal's mode stays with the file; changing it cannot be waited for, so it is done here.
            with engine.connect() as connection:
                driver = connection.connection.driver_connection
                if driver is not None:
                    driver.execute("PRAGMA journal_mode = WAL")
            yield
    except Timeout:
        raise StoreError(
            f"Another process has been migrating {path} for {_LOCK_LIMIT_S:.0f} s; run again when it is done."
        ) from None


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
