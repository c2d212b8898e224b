"""A ledger with forecasts whose quantiles are known in closed form, and an MLflow server as operators run it."""

import itertools
import math
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import requests
import sqlalchemy as sa

from flows.edges.ledger.publications import GateRecord
from flows.edges.ledger.store import Ledger
from flows.edges.sql.database import open_database
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.manifest import Manifest
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.series import Series

SPREADS = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
_numbers = itertools.count(1)
_BUCKET = "coincast-models"
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}


@pytest.fixture
def series() -> Series:
    """A series that no other test writes."""
    return Series("binance", f"COIN{next(_numbers)}USDT")


@pytest.fixture(scope="session")
def engine(shared_database_url: str) -> Iterator[sa.Engine]:
    """A migrated database that tests share, one of each kind."""
    opened = open_database(shared_database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def ledger(engine: sa.Engine) -> Ledger:
    """A ledger in which `series` has no rows yet."""
    return Ledger(engine)


@pytest.fixture
def make_forecast(series: Series) -> Callable[..., Forecast]:
    """Forecast of 3 % a day around the last close, unless told otherwise."""
    usual = series

    def make(
        as_of: date,
        *,
        model_id: str = "coincast-range_blend",
        last_close: float = 100.0,
        spread: float = 0.03,
        series: Series = usual,
        random_walk_from: int | None = None,
    ) -> Forecast:
        quantiles = np.array([last_close * np.exp(spread * math.sqrt(h) * SPREADS) for h in HORIZONS])
        return Forecast(series, as_of, model_id, last_close, quantiles, random_walk_from)

    return make


@pytest.fixture
def make_context() -> Callable[..., IssueContext]:
    """Context of a run twenty minutes after its as_of's candle was complete, by the clock."""

    def make(as_of: date, *, now: datetime | None = None, **changes: object) -> IssueContext:
        believed = now or datetime(as_of.year, as_of.month, as_of.day, 0, 20, tzinfo=UTC) + timedelta(days=1)
        manifest = Manifest(
            recipe={"name": "tiny-range", "kind": "range"},
            seed=1,
            trained_as_of=as_of,
            series=("binance/BTCUSDT/1d",),
            snapshots=("a" * 64,),
            vintage="known",
            code="0.1.0",
            packages={"numpy": "2.4.6"},
        )
        values: dict[str, object] = {
            "manifest": manifest,
            "model_version": "3",
            "run_id": "run-1",
            "snapshot_sha256": "a" * 64,
            "vintage": "known",
            "now": believed,
            "issued_at": believed + timedelta(minutes=1),
            **changes,
        }
        return IssueContext(**values)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_decision(series: Series) -> Callable[..., GateRecord]:
    """A refusal twenty minutes after its as_of's candle was complete, unless told otherwise."""

    def make(as_of: date, **changes: object) -> GateRecord:
        now = datetime(as_of.year, as_of.month, as_of.day, 0, 20, tzinfo=UTC) + timedelta(days=1)
        values: dict[str, object] = {
            "series": str(series),
            "as_of": as_of,
            "model_id": "coincast-range_blend",
            "run_id": "run-1",
            "promoted": False,
            "publish": "coincast-random_walk",
            "reasons": ("It is no better.", "The random walk is published."),
            "figures": {"fit_sound": 1.0, "record_to_random_walk": 1 / 3},
            "now": now,
            "decided_at": now + timedelta(minutes=1),
            "simulated_time": False,
            **changes,
        }
        return GateRecord(**values)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_candles() -> Callable[..., pd.DataFrame]:
    """Daily candles with these closes, from a first day on; None makes a hole."""

    def make(first: date, closes: list[float | None]) -> pd.DataFrame:
        days = [first + timedelta(days=index) for index in range(len(closes))]
        kept = [(day, close) for day, close in zip(days, closes, strict=True) if close is not None]
        prices = [close for _, close in kept]
        return pd.DataFrame(
            {
                "date": np.array([day for day, _ in kept], dtype="datetime64[us]"),
                **dict.fromkeys(("open", "high", "low", "close"), prices),
                **dict.fromkeys(("volume_base", "volume_quote", "trades"), 1.0),
            }
        )

    return make


@pytest.fixture
def damaged_forecast(own_state: Path) -> Callable[..., AbstractContextManager[None]]:
    """While a block lasts, one row of the test's own ledger holds what no run of ours would write: no numbers."""

    no_numbers = np.full(len(LEVELS), np.nan).tobytes()

    @contextmanager
    def work(
        series: Series, *, as_of: date, model_id: str, horizon: int, quantiles: bytes = no_numbers
    ) -> Iterator[None]:
        key = (str(series), as_of.isoformat(), model_id, horizon)
        same = "series = ? AND as_of = ? AND model_id = ? AND horizon = ?"
        with closing(sqlite3.connect(own_state / "coincast.db", isolation_level=None)) as database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            guards = database.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'forecasts'"
            ).fetchall()
            (whole,) = database.execute(f"SELECT quantiles FROM forecasts WHERE {same}", key).fetchone()

            def write(content: bytes) -> None:
                for name, _ in guards:
                    database.execute(f"DROP TRIGGER {name}")
                database.execute(f"UPDATE forecasts SET quantiles = ? WHERE {same}", (content, *key))
                for _, order in guards:
                    database.execute(order)

            write(quantiles)
            try:
                yield
            finally:
                write(whole)

    return work


@pytest.fixture
def model_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Endpoint of an object store with one empty bucket, `coincast-models`."""
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in _KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    where = {"LocationConstraint": _KEYS["AWS_DEFAULT_REGION"]}
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=_BUCKET, CreateBucketConfiguration=where)
    yield endpoint
    # moto keeps buckets for the process, not for the server.
    requests.post(f"{endpoint}/moto-api/reset", timeout=10)
    server.stop()


@pytest.fixture
def tracking_server(
    postgres_url: str,
    model_bucket: str,
    tmp_path: Path,
    run_server: Callable[..., AbstractContextManager[str]],
) -> Iterator[str]:
    """Address of an MLflow server on PostgreSQL whose artifacts lie in `model_bucket`."""
    order = [
        "mlflow", "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1",
        "--backend-store-uri", postgres_url, "--artifacts-destination", f"s3://{_BUCKET}",
    ]  # fmt: skip
    environment = {
        "MLFLOW_S3_ENDPOINT_URL": model_bucket,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": "",
    }
    with run_server(order, health="/health", log=tmp_path / "server.log", environment=environment) as address:
        yield address


@pytest.fixture(autouse=True)
def copied_tables(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """MLflow's empty tables are made once and then copied: making them takes a second and a half each time."""
    if request.module.__name__.endswith("test_tracking"):
        return
    from flows.edges.tracking import store as tracking_store

    def build(database: Path) -> None:
        made = tmp_path_factory.getbasetemp() / "mlflow.db"
        if not made.exists():
            make(made)
        shutil.copyfile(made, database)

    make = tracking_store._build
    monkeypatch.setattr(tracking_store, "_build", build)
