"""The ledger: manifests, forecasts and what they share, scores, and which forecast was published.

Code decides what is written; the checks here hold whoever writes. `now` of a forecast lies after its as_of is
complete, and on the right side of its target's completion: a row cannot call itself live afterwards.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

from flows.edges.sql.migrations.append_only import make_append_only, refuse_bypasses

revision: Final = "0002"
down_revision: Final = "0001"

_INSTANT: Final = sa.DateTime(timezone=True)
_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Calendar arithmetic has no common spelling. SQLite compares ISO texts, where a day sorts before its midnight.
_DATE_CHECKS: Final = {
    "sqlite": {
        "target_date": "target_date = date(as_of, '+' || horizon || ' days')",
        "as_of_complete": "now >= date(as_of, '+1 day')",
        "mode": "mode = CASE WHEN now < date(target_date, '+1 day') THEN 'live' ELSE 'backfill' END",
    },
    "postgresql": {
        "target_date": "target_date = as_of + horizon",
        "as_of_complete": "now AT TIME ZONE 'UTC' >= as_of + 1",
        "mode": "mode = CASE WHEN now AT TIME ZONE 'UTC' < target_date + 1 THEN 'live' ELSE 'backfill' END",
    },
}
_KEYS: Final = {
    "manifests": ("id",),
    "issuances": ("id",),
    "forecasts": ("series", "as_of", "horizon", "model_id", "mode", "issue"),
    "scores": ("forecast_id", "revision"),
    "publications": ("id",),
}


def upgrade() -> None:
    """Make the five tables, which only grow."""
    op.create_table(
        "manifests",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.CheckConstraint("length(id) = 64", name="sha256"),
    )
    _issuances()
    _forecasts()
    _scores()
    op.create_table(
        "publications",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("series", sa.String(80), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model_id", sa.String(80), nullable=False),
        sa.Column("now", _INSTANT, nullable=False),
        sa.Column("published_at", _INSTANT, nullable=False),
        sa.Index(None, "series", "as_of"),
    )
    make_append_only(*_KEYS)
    refuse_bypasses(_KEYS)


def _issuances() -> None:
    op.create_table(
        "issuances",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("manifest_id", sa.String(64), sa.ForeignKey("manifests.id"), nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("snapshot_sha256", sa.String(64), nullable=False),
        sa.Column("vintage", sa.String(6), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("simulated_time", sa.Boolean, nullable=False),
        sa.Column("simulated_data", sa.Boolean, nullable=False),
        sa.CheckConstraint("vintage IN ('known', 'latest')", name="vintage"),
        sa.CheckConstraint("length(snapshot_sha256) = 64", name="snapshot"),
    )


def _forecasts() -> None:
    checks = _DATE_CHECKS[op.get_bind().dialect.name]
    op.create_table(
        "forecasts",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("series", sa.String(80), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("horizon", sa.SmallInteger, nullable=False),
        sa.Column("model_id", sa.String(80), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("target_date", sa.Date, nullable=False),
        sa.Column("last_close", sa.Double, nullable=False),
        sa.Column("random_walk_from", sa.SmallInteger),
        sa.Column("quantiles", sa.LargeBinary, nullable=False),
        sa.Column("now", _INSTANT, nullable=False),
        sa.Column("issuance_id", _ROW_ID, sa.ForeignKey("issuances.id"), nullable=False),
        sa.UniqueConstraint("series", "as_of", "horizon", "model_id", "mode", "issue"),
        sa.Index(None, "as_of"),
        sa.CheckConstraint("horizon BETWEEN 1 AND 7", name="horizon"),
        sa.CheckConstraint("random_walk_from BETWEEN 1 AND 7", name="random_walk_from"),
        sa.CheckConstraint("issue >= 1", name="issue"),
        sa.CheckConstraint("last_close > 0", name="last_close"),
        sa.CheckConstraint("length(quantiles) = 184", name="quantiles"),
        *(sa.CheckConstraint(text, name=name) for name, text in checks.items()),
    )


def _scores() -> None:
    op.create_table(
        "scores",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("forecast_id", _ROW_ID, sa.ForeignKey("forecasts.id"), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("actual_close", sa.Double, nullable=False),
        sa.Column("snapshot_sha256", sa.String(64), nullable=False),
        sa.Column("wis", sa.Double, nullable=False),
        sa.Column("absolute_error", sa.Double, nullable=False),
        sa.Column("pit", sa.Double, nullable=False),
        *(sa.Column(f"hit_{coverage}", sa.Boolean, nullable=False) for coverage in (50, 80, 90, 95)),
        sa.Column("now", _INSTANT, nullable=False),
        sa.Column("scored_at", _INSTANT, nullable=False),
        sa.UniqueConstraint("forecast_id", "revision"),
        sa.CheckConstraint("revision >= 1", name="revision"),
        sa.CheckConstraint("actual_close > 0", name="actual_close"),
        sa.CheckConstraint("wis >= 0 AND absolute_error >= 0", name="losses"),
        sa.CheckConstraint("pit BETWEEN 0 AND 1", name="pit"),
        sa.CheckConstraint("length(snapshot_sha256) = 64", name="snapshot"),
    )
