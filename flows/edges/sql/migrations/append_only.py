"""Triggers that refuse to change or remove rows, for tables that only grow."""

from collections.abc import Mapping
from typing import Final

from alembic import op

_POSTGRESQL_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % only grows: % refused', TG_TABLE_NAME, TG_OP;
END $$
"""


def make_append_only(*tables: str) -> None:
    """Refuse UPDATE and DELETE on tables that exist, whoever asks."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_FUNCTION)
        for table in tables:
            op.execute(
                f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
        return
    for table in tables:
        for change in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change} BEFORE {change.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'table {table} only grows: {change} refused'); END"
            )


def refuse_bypasses(keys: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse the ways past row triggers too: TRUNCATE, and INSERT OR REPLACE, which removes the row in its way.

    Args:
        keys: Columns of which no second row may have the same, by table with an `id`.
    """
    if op.get_bind().dialect.name == "postgresql":
        for table in keys:
            op.execute(
                f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table, key in keys.items():
        same = " AND ".join(f"{column} = NEW.{column}" for column in key)
        op.execute(
            f"CREATE TRIGGER {table}_refuses_replacement BEFORE INSERT ON {table} "  # noqa: S608 (our own names)
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
            f"OR EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
            f"BEGIN SELECT RAISE(ABORT, 'table {table} only grows: a second row of one key refused'); END"
        )
