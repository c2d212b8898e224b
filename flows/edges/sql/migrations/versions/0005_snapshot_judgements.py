"""What was judged of snapshots. Those that are there before this revision stay usable: nothing is said of them."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from flows.edges.sql.migrations.append_only import make_append_only

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make the table, which only grows."""
    op.create_table(
        "snapshot_judgements",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("series", sa.String(80), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("against", sa.String(64), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["series", "sha256"], ["snapshots.series", "snapshots.sha256"]),
        sa.Index(None, "series", "judged_at"),
        sa.CheckConstraint("verdict IN ('suspect', 'usable', 'accepted')", name="verdict"),
    )
    make_append_only("snapshot_judgements")
