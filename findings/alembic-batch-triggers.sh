#!/usr/bin/env bash
# An append-only table on SQLite loses its triggers when Alembic's batch mode changes a column's type: the table is made
# anew and the triggers are not. Adding a column, in the same batch mode, keeps them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "alembic==1.20.1" "sqlalchemy==2.1.9" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from importlib.metadata import version

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations


def triggers(connection: sa.Connection) -> int:
    return connection.scalar(sa.text("select count(*) from sqlite_master where type = 'trigger'"))


with sa.create_engine("sqlite://").begin() as connection:
    connection.execute(sa.text("create table ledger (id integer primary key, close float)"))
    connection.execute(sa.text("insert into ledger values (1, 2.5)"))
    kept = "create trigger kept before delete on ledger begin select raise(abort, 'append-only'); end"
    connection.execute(sa.text(kept))
    operations = Operations(MigrationContext.configure(connection))
    with operations.batch_alter_table("ledger") as table:
        table.add_column(sa.Column("note", sa.Text))
    added = triggers(connection)
    with operations.batch_alter_table("ledger") as table:
        table.alter_column("close", type_=sa.Numeric(18, 8))
    altered = triggers(connection)
    deleted = connection.execute(sa.text("delete from ledger")).rowcount
print("alembic", version("alembic"), "sqlalchemy", version("sqlalchemy"))
print(f"triggers after add_column {added}, after alter_column {altered}; rows then deleted {deleted}")
sys.exit(0 if (added, altered, deleted) == (1, 0, 1) else 1)
END
