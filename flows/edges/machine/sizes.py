"""How large each store on this machine is, and how much of that came within the last thirty days."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from flows.edges.configuration import Places
from flows.edges.machine.databases import databases
from flows.edges.sql.vacuum import size_of, sqlite_file
from pipeline.addresses.address import Address

MONTH: Final = timedelta(days=30)
# What tells when a database's rows came: a table, its column, and the column's form.
_DATED: Final = {
    "ledger": ("issuances", "issued_at", "text"),
    "MLflow": ("runs", "start_time", "milliseconds"),
    "Prefect": ("flow_run", "created", "text"),
}


@dataclass(frozen=True)
class Store:
    """One store.

    Attributes:
        name: Of what.
        size: Bytes.
        month: Bytes of the last thirty days: of files by their dates, of a database by the dates of its rows, which
            are taken for equally large. None where nothing tells, as of pages that are written anew each day.
    """

    name: str
    size: int
    month: int | None = None


def stores(places: Places, *, now: datetime) -> Iterator[Store]:
    """Those that lie in files of this machine and are there.

    Args:
        places: Where they should be.
        now: The clock's instant.
    """
    since = now - MONTH
    for name, address in databases(places).items():
        file = sqlite_file(address)
        if file is not None and file.is_file():
            yield Store(f"{name}'s database", size_of(file), _recent_bytes(file, name, since))
            artifacts = file.parent / "artifacts"
            if name == "MLflow" and artifacts.is_dir():
                yield _folder("MLflow's artifacts", artifacts, since)
    for name, address in (("snapshots", places.snapshots_url), ("publication", places.publish_url)):
        if (folder := _local(address)) is not None:
            found = _folder(name, folder, since)
            yield found if name == "snapshots" else Store(name, found.size)


def _local(address: Address) -> Path | None:
    text = str(address).removeprefix("file://")
    return Path(text) if "://" not in text and Path(text).is_dir() else None


def _folder(name: str, folder: Path, since: datetime) -> Store:
    found = (one.stat() for one in folder.rglob("*") if one.is_file() and not one.is_symlink())
    # Releases share their unchanged files, which lie on the disk once.
    told = list({(one.st_dev, one.st_ino): one for one in found}.values())
    recent = sum(one.st_size for one in told if one.st_mtime >= since.timestamp())
    return Store(name, sum(one.st_size for one in told), recent)


def _recent_bytes(file: Path, name: str, since: datetime) -> int | None:
    """The share of rows that are newer, of the file's bytes; None where the table is not there."""
    table, column, form = _DATED[name]
    bound = (
        int(since.timestamp() * 1000)
        if form == "milliseconds"
        else f"{since.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    )
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
            query = f"SELECT count(*), coalesce(sum({column} >= ?), 0) FROM {table}"  # noqa: S608 - names above
            rows, recent = database.execute(query, (bound,)).fetchone()
    except sqlite3.DatabaseError:
        return None
    return round(size_of(file) * recent / rows) if rows else 0
