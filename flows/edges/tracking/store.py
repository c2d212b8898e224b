"""The address of MLflow's store: a SQLite one is built whole once, a server is asked whether it answers."""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.edges.configuration import Places
from flows.edges.credentials import full_address
from flows.edges.private_files import close
from flows.edges.sql.database import tells_no_room
from flows.edges.words import one_line
from pipeline.addresses.address import Address
from pipeline.errors import DiskFullError, RegistryError, SettingsError, StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LOCK_LIMIT_S: Final = 120
_DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")
# What the operator set wins over each of these.
_ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_LOG_UV_FILES": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def connect(places: Places) -> tuple[Address, "MlflowClient", Path | None]:
    """The store's absolute URI, a client of it, and the folder of artifacts (None where a server decides).

    Raises:
        SettingsError: The URI is one that MLflow no longer takes.
        RegistryError: The server does not answer, or the store is of another MLflow version.
        StoreError: Another process has held the lock for two minutes.
    """
    uri = full_address(places.tracking_uri)
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme not in (*_DATABASES, "http", "https"):
        raise SettingsError(
            "MLFLOW_TRACKING_URI is sqlite:////absolute/mlflow.db, postgresql://… or http(s)://…;"
            f" got {str(Address(uri))[:80]!r} (MLflow has no file store any more)."
        )
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    if scheme == "sqlite":
        database = Path(uri.removeprefix("sqlite:///")).resolve()
        _build_once(database)
        close(database)
        close(database.parent / "artifacts")
        return *_client(f"sqlite:///{database}"), database.parent / "artifacts"
    return *_client(uri), places.mlruns / "artifacts" if scheme in _DATABASES else None


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what MLflow raises inside into a RegistryError that says what was refused, or into a DiskFullError."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        if tells_no_room(str(error)):
            raise DiskFullError(
                f"No room left for MLflow's store ({what}): free some space and run again."
            ) from error
        raise RegistryError(f"MLflow refused {what}: {one_line(error)}") from error


def _client(uri: str) -> tuple[Address, "MlflowClient"]:
    import mlflow

    # models:/ addresses go by the process-wide URI.
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    with refusals(f"to open {Address(uri)}"):
        client.search_experiments(max_results=1)
    return Address(uri), client


def _build_once(database: Path) -> None:
    from filelock import FileLock, Timeout

    if database.exists():
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{database}.lock", timeout=_LOCK_LIMIT_S):
            if not database.exists():
                with refusals(f"to make {database}"):
                    _build(database)
    except Timeout as error:
        raise StoreError(
            f"Another process has held {database}.lock for {_LOCK_LIMIT_S} s; end it and start again."
        ) from error


def _build(database: Path) -> None:
    """Build beside the place and move there, so that a killed process leaves nothing half made."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    logging.getLogger("alembic").setLevel(logging.WARNING)
    draft = database.with_name(f".{database.name}.{uuid.uuid4().hex[:8]}")
    try:
        store = SqlAlchemyStore(f"sqlite:///{draft}", (database.parent / "artifacts").as_uri())  # type: ignore[no-untyped-call]
        # MLflow's first experiment, which no run of ours is in, leads every list.
        store.delete_experiment("0")  # type: ignore[no-untyped-call]
        store.engine.dispose()
        draft.rename(database)
    finally:
        draft.unlink(missing_ok=True)
