"""A database that is only looked at: neither made nor migrated."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from flows.edges.sql.database import find_database, open_database, reading, revision_of, writing
from flows.edges.sql.schema import newest_revision
from pipeline.errors import StoreError

pytestmark = pytest.mark.slow


def test_what_is_not_there_is_not_made(database_url: str, tmp_path: Path) -> None:
    assert revision_of(database_url) is None
    assert find_database(database_url) is None
    assert list(tmp_path.iterdir()) == []
    if database_url.startswith("postgresql"):
        engine = sa.create_engine(database_url)
        assert sa.inspect(engine).get_table_names() == []
        engine.dispose()


def test_what_is_there_is_found_at_its_revision_or_refused(database_url: str) -> None:
    made = open_database(database_url)
    assert revision_of(database_url) == newest_revision()
    found = find_database(database_url)
    assert found is not None
    with reading(found) as connection:
        assert sa.inspect(connection).has_table("forecasts")
    found.dispose()
    with writing(made) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(StoreError, match="revision 0000, this coincast has"):
        find_database(database_url)
    assert revision_of(database_url) == "0000"
    made.dispose()
