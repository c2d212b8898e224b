"""The backfills' tables: what was asked for, and a row for each unit with its state. These rows change."""

from typing import Final

from sqlalchemy import Column, Date, Double, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from flows.edges.ledger.tables import RowId
from flows.edges.sql.tables import Instant, metadata

backfills: Final = Table(
    "backfills",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("request", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("model_id", String(80), nullable=False),
    Column("now", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("lease_s", Double, nullable=False),
    Column("run_id", Text, nullable=False),
)

# `position` is the order of work; a day that needs none has a state from the start and no chunk.
backfill_units: Final = Table(
    "backfill_units",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("backfill_id", ForeignKey("backfills.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("chunk", Integer),
    Column("series", String(80), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("fit_day", Date, nullable=False),
    Column("snapshot_sha256", String(64), nullable=False),
    Column("status", String(9), nullable=False),
    Column("why", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fit_s", Double),
    Column("total_s", Double),
    Column("lease_owner", String(120)),
    Column("lease_until", Instant),
    Column("ended_at", Instant),
    UniqueConstraint("backfill_id", "series", "as_of"),
    Index(None, "backfill_id", "chunk", "status"),
    Index(None, "series", "as_of"),
)
