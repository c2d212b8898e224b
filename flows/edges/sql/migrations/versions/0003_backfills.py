"""Backfills and their units, and forecasts that are backfilled for ever.

A backfill may speak of a day that is not over yet, and stays a backfill then: the check on a forecast's mode holds
only what calls itself live to the truth.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"

_INSTANT: Final = sa.DateTime(timezone=True)
_ROW_ID: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OLD_MODE: Final = "mode = CASE WHEN now < date(target_date, '+1 day') THEN 'live' ELSE 'backfill' END"
_MODE: Final = {
    "sqlite": "mode = 'backfill' OR (mode = 'live' AND now < date(target_date, '+1 day'))",
    "postgresql": "mode = 'backfill' OR (mode = 'live' AND now AT TIME ZONE 'UTC' < target_date + 1)",
}


def upgrade() -> None:
    """Make both tables and loosen the check."""
    op.create_table(
        "backfills",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("model_id", sa.String(80), nullable=False),
        sa.Column("now", _INSTANT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("lease_s", sa.Double, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
    )
    _units()
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_forecasts_mode", "forecasts")
        op.create_check_constraint("mode", "forecasts", _MODE["postgresql"])
    else:
        _rewrite_check()


def _units() -> None:
    op.create_table(
        "backfill_units",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("backfill_id", sa.String(20), sa.ForeignKey("backfills.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("chunk", sa.Integer),
        sa.Column("series", sa.String(80), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("fit_day", sa.Date, nullable=False),
        sa.Column("snapshot_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.String(9), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fit_s", sa.Double),
        sa.Column("total_s", sa.Double),
        sa.Column("lease_owner", sa.String(120)),
        sa.Column("lease_until", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.UniqueConstraint("backfill_id", "series", "as_of"),
        sa.Index(None, "backfill_id", "chunk", "status"),
        sa.Index(None, "series", "as_of"),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed', 'refused', 'cancelled')", name="status"
        ),
        sa.CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="lease"),
    )


def _rewrite_check() -> None:
    """SQLite cannot alter a check; its manual's way for a table that others refer to is to rewrite the text."""
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'forecasts' AND instr(sql, ?)",
        (_OLD_MODE, _MODE["sqlite"], _OLD_MODE),
    )
    if changed.rowcount != 1:
        raise RuntimeError("the check on forecasts' mode is not the one of revision 0002")
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
