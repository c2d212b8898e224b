import pytest
import sqlalchemy as sa
from mlflow.exceptions import MlflowException

from flows.edges.tracking.store import refusals
from pipeline.errors import DiskFullError, RegistryError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("wrapped", [True, False], ids=["as MLflow tells it", "as SQLAlchemy tells it"])
def test_a_full_disk_below_mlflow_is_told_with_what_to_do(wrapped: bool) -> None:
    def fill() -> None:
        engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 2")
            connection.exec_driver_sql("CREATE TABLE rows (content)")
            connection.exec_driver_sql("INSERT INTO rows VALUES (zeroblob(100000))")

    def wrap() -> None:
        try:
            fill()
        except sa.exc.OperationalError as error:
            raise MlflowException(str(error)) from error

    with pytest.raises(DiskFullError, match="free some space") as told, refusals("run 'a'"):
        wrap() if wrapped else fill()
    assert "INSERT" not in str(told.value)


def test_another_refusal_is_told_in_mlflow_s_words() -> None:
    with pytest.raises(RegistryError, match="MLflow refused run 'a': no such run"), refusals("run 'a'"):
        raise MlflowException("no such run")
