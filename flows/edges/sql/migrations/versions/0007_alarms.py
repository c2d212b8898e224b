"""Alarms as they were raised: an orchestrator keeps its events for a week."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from flows.edges.sql.migrations.append_only import make_append_only, refuse_bypasses

revision: Final = "0007"
down_revision: Final = "0006"

_INSTANT: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table, which only grows."""
    op.create_table(
        "alarms",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("series", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("now", _INSTANT, nullable=False),
        sa.Column("raised_at", _INSTANT, nullable=False),
        sa.UniqueConstraint("series", "kind", "since"),
    )
    make_append_only("alarms")
    refuse_bypasses({"alarms": ("series", "kind", "since")})
