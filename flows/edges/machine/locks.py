"""Turns: what several processes may do, one at a time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from flows.edges.configuration import Places
from flows.edges.credentials import full_address
from pipeline.errors import StoreError

Lock = Callable[[str], AbstractContextManager[None]]
_LIMIT_S: Final = 120


def locks_of(places: Places) -> Lock:
    """How this deployment's processes take turns on a name.

    Where the database is PostgreSQL its advisory locks serve all machines; else a locked file in the state
    folder serves the processes of this one.
    """
    url = full_address(places.database_url)
    if url.startswith("postgres"):
        return lambda name: _advisory_lock(url, name)
    return lambda name: _file_lock(places.home / "locks", name)


@contextmanager
def _file_lock(folder: Path, name: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f"{name}.lock", timeout=_LIMIT_S):
            yield
    except Timeout as error:
        raise StoreError(
            f"Another process has worked on {name} for {_LIMIT_S} s; end it and try again."
        ) from error


@contextmanager
def _advisory_lock(database_url: str, name: str) -> Iterator[None]:
    """Held by a connection: it is gone with the process that held it."""
    import sqlalchemy as sa

    from flows.edges.sql.database import failures_named

    key = int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
    engine = sa.create_engine(
        sa.make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool
    )
    with failures_named(engine):
        connection = engine.connect()
    with connection:
        with failures_named(engine):
            connection.execute(sa.text(f"SET lock_timeout = '{_LIMIT_S}s'"))
            connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
            connection.commit()
        yield
