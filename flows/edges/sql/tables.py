"""The tables of the database: what is kept of downloads. Rows are only ever added; triggers refuse the rest.

Other tables join the same `metadata`, each with a migration in flows/edges/sql/migrations/versions.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An instant: aware on the way in, UTC on the way out, in every database.

    SQLite has no time zones: there it is stored as UTC without saying so.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC, as the database stores it.

        Raises:
            ValueError: It has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant has a time zone; got {value.isoformat()}")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


# The bytes of one file, once for each series they were served for; `fetched_at` is their first sight.
snapshots: Final = Table(
    "snapshots",
    metadata,
    Column("series", String(80), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("url", Text, nullable=False),
    Column("fetched_at", Instant, nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Index(None, "sha256"),
)

# Every time a source was asked and what it then had, a 304 too: what was known at an instant is the last
# fetch before it.
fetches: Final = Table(
    "fetches",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("series", String(80), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("fetched_at", Instant, nullable=False),
    Column("etag", Text, nullable=False),
    Column("last_modified", Text, nullable=False),
    ForeignKeyConstraint(["series", "sha256"], ["snapshots.series", "snapshots.sha256"]),
    Index(None, "series", "fetched_at"),
)

# What was said of a snapshot: that it must not be used (`suspect`), that it may after all (`usable`), or that a person
# takes it (`accepted`). The last row before an instant holds then, and an accepted snapshot stays accepted; one without
# a row is usable.
judgements: Final = Table(
    "snapshot_judgements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("series", String(80), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("against", String(64), nullable=False),
    Column("judged_at", Instant, nullable=False),
    ForeignKeyConstraint(["series", "sha256"], ["snapshots.series", "snapshots.sha256"]),
    Index(None, "series", "judged_at"),
)

# Bytes that were removed on purpose; their index row stays, so that nothing else passes for them.
prunings: Final = Table(
    "prunings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("pruned_at", Instant, nullable=False),
)
