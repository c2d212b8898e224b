"""What deleted rows leave free inside a SQLite file, given back to the disk: no library does so by itself."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from flows.edges.credentials import full_address
from pipeline.addresses.address import Address

# Servers wait longer than this for one another, and so for us; a vacuum writes some 100 MB a second.
_PATIENCE_S: Final = 5.0
# The copy that SQLite makes, and its journal.
_COPIES: Final = 2


@dataclass(frozen=True)
class Vacuumed:
    """What became of one database.

    Attributes:
        name: Whose rows it has.
        place: Its file; the public address of what is none here.
        size: Bytes afterwards, the log of a file in WAL mode included; 0 where there is no file.
        freed: Bytes that the disk got back.
        skipped: Why it was left alone; empty where it was not.
    """

    name: str
    place: str
    size: int = 0
    freed: int = 0
    skipped: str = ""


def sqlite_file(address: Address | str) -> Path | None:
    """The file of a SQLite database, whichever driver its address names; None of any other address."""
    text = full_address(address)
    if text.partition(":")[0].partition("+")[0] != "sqlite":
        return None
    database = sa.make_url(text).database
    return Path(database) if database and database != ":memory:" else None


def size_of(file: Path) -> int:
    """Bytes of a database with what lies beside it while it is open."""
    beside = (file, *(file.with_name(f"{file.name}{mark}") for mark in ("-wal", "-journal")))
    return sum(one.stat().st_size for one in beside if one.is_file())


def vacuum(name: str, address: Address | str, *, dry_run: bool = False) -> Vacuumed:
    """Give the free space of a SQLite file back to the disk.

    Servers may go on: whoever writes meanwhile waits, and where somebody else writes for longer than five seconds the
    file is left as it is.

    Args:
        name: Whose rows it has.
        address: SQLAlchemy's, or a server's.
        dry_run: Only say what would be freed.
    """
    file = sqlite_file(address)
    if file is None:
        return Vacuumed(name, str(Address(address)), skipped="no SQLite file of this machine")
    if not file.is_file():
        return Vacuumed(name, str(file), skipped="nothing was written yet")
    before = size_of(file)
    try:
        with closing(_open(file)) as database:
            free = _free_bytes(database)
            if dry_run or not free:
                return Vacuumed(name, str(file), before, free)
            if shutil.disk_usage(file.parent).free < _COPIES * before:
                reason = f"a copy needs {_COPIES * before / 1e6:.0f} MB of the disk, which has less"
                return Vacuumed(name, str(file), before, skipped=reason)
            database.execute("VACUUM")
            # In WAL mode the file itself shrinks when its log is written back.
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        return Vacuumed(name, str(file), before, skipped=_reason(error))
    after = size_of(file)
    return Vacuumed(name, str(file), after, max(0, before - after))


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.resolve().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_S, isolation_level=None
    )


def _free_bytes(database: sqlite3.Connection) -> int:
    pages, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size")
    )
    return int(pages) * int(size)


def _reason(error: sqlite3.DatabaseError) -> str:
    said = str(error)
    return "another process writes to it; it is tried again next time" if "locked" in said else said[:200]
