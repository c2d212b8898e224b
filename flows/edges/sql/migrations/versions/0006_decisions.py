"""What the gate decided on each fit. Of fits before this revision the tags of their MLflow runs alone tell it."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from flows.edges.sql.migrations.append_only import make_append_only, refuse_bypasses

revision: Final = "0006"
down_revision: Final = "0005"

_INSTANT: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table, which only grows."""
    op.create_table(
        "decisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("series", sa.String(80), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model_id", sa.String(80), nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("promoted", sa.Boolean, nullable=False),
        sa.Column("publish", sa.String(80), nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("now", _INSTANT, nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.Column("simulated_time", sa.Boolean, nullable=False),
        sa.UniqueConstraint("series", "run_id"),
        sa.Index(None, "series", "as_of"),
    )
    make_append_only("decisions")
    refuse_bypasses({"decisions": ("series", "run_id")})
