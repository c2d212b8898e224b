"""Snapshots, the fetches that saw them, and what was pruned."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from flows.edges.sql.migrations.append_only import make_append_only

revision: Final = "0001"
down_revision: Final = None

_INSTANT: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the three tables, which only grow."""
    _snapshots()
    _fetches()
    op.create_table(
        "prunings",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("sha256", sa.String(64), nullable=False, index=True),
        sa.Column("pruned_at", _INSTANT, nullable=False),
    )
    make_append_only("snapshots", "fetches", "prunings")


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("series", sa.String(80), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("fetched_at", _INSTANT, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("last_modified", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("first", sa.Date, nullable=False),
        sa.Column("last", sa.Date, nullable=False),
        sa.Index(None, "sha256"),
    )


def _fetches() -> None:
    op.create_table(
        "fetches",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("series", sa.String(80), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("fetched_at", _INSTANT, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("last_modified", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["series", "sha256"], ["snapshots.series", "snapshots.sha256"]),
        sa.Index(None, "series", "fetched_at"),
    )
