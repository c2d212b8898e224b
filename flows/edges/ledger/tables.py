"""The ledger's tables: forecasts as they were issued, what they share, their scores, which was published and why.

The checks that need a database's own functions, and the triggers that refuse every change, are in the migration.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from flows.edges.sql.tables import Instant, metadata
from pipeline.forecasts.quantiles import LEVELS, FloatArray

RowId: Final = BigInteger().with_variant(Integer, "sqlite")

# Canonical JSON of a Manifest, by its sha256.
manifests: Final = Table(
    "manifests",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("manifest", Text, nullable=False),
)

# What the forecasts of one call share; a call that has nothing new to say leaves no row.
issuances: Final = Table(
    "issuances",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("manifest_id", ForeignKey("manifests.id"), nullable=False),
    Column("model_version", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("snapshot_sha256", String(64), nullable=False),
    Column("vintage", String(6), nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("simulated_time", Boolean, nullable=False),
    Column("simulated_data", Boolean, nullable=False),
)

# One row a horizon. The highest issue of a key is the one that counts.
forecasts: Final = Table(
    "forecasts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("series", String(80), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("horizon", SmallInteger, nullable=False),
    Column("model_id", String(80), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("issue", Integer, nullable=False),
    Column("target_date", Date, nullable=False),
    Column("last_close", Double, nullable=False),
    Column("random_walk_from", SmallInteger),
    Column("quantiles", LargeBinary, nullable=False),
    Column("now", Instant, nullable=False),
    Column("issuance_id", ForeignKey("issuances.id"), nullable=False),
    UniqueConstraint("series", "as_of", "horizon", "model_id", "mode", "issue"),
    Index(None, "as_of"),
)

# The highest revision of a forecast is the one that counts; a later one says that the vendor restated the close.
scores: Final = Table(
    "scores",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("forecast_id", ForeignKey("forecasts.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("actual_close", Double, nullable=False),
    Column("snapshot_sha256", String(64), nullable=False),
    Column("wis", Double, nullable=False),
    Column("absolute_error", Double, nullable=False),
    Column("pit", Double, nullable=False),
    Column("hit_50", Boolean, nullable=False),
    Column("hit_80", Boolean, nullable=False),
    Column("hit_90", Boolean, nullable=False),
    Column("hit_95", Boolean, nullable=False),
    Column("now", Instant, nullable=False),
    Column("scored_at", Instant, nullable=False),
    UniqueConstraint("forecast_id", "revision"),
)

# Which model's forecast the page showed, and who chose it; the newest row of a series and day counts.
publications: Final = Table(
    "publications",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("series", String(80), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("model_id", String(80), nullable=False),
    Column("now", Instant, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("chosen_by", String(6), nullable=False),
    Column("run_id", Text, nullable=False),
    Index(None, "series", "as_of"),
)

# What the gate said of a fit, once for each fit; the newest row of a series and day counts.
decisions: Final = Table(
    "decisions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("series", String(80), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("model_id", String(80), nullable=False),
    Column("run_id", Text, nullable=False),
    Column("promoted", Boolean, nullable=False),
    Column("publish", String(80), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("now", Instant, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("simulated_time", Boolean, nullable=False),
    UniqueConstraint("series", "run_id"),
    Index(None, "series", "as_of"),
)

# Alarms as they were first raised; one of the same series, kind and first day is the same alarm.
alarms: Final = Table(
    "alarms",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("series", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("since", Date, nullable=False),
    Column("message", Text, nullable=False),
    Column("now", Instant, nullable=False),
    Column("raised_at", Instant, nullable=False),
    UniqueConstraint("series", "kind", "since"),
)


def pack_quantiles(quantiles: FloatArray) -> bytes:
    """23 quantiles as little-endian float64, 184 bytes: exact, and the same on every machine."""
    return np.asarray(quantiles, dtype="<f8").tobytes()


def unpack_quantiles(packed: Sequence[bytes]) -> FloatArray:
    """Array of shape (n, 23) from n packed rows, bit for bit."""
    return np.frombuffer(b"".join(packed), dtype="<f8").astype(np.float64).reshape(len(packed), len(LEVELS))
