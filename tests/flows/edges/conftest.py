"""A tracking store and a fitted model, each made once for all tests that need one."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine

from flows.edges.configuration import configuration
from flows.edges.sql.database import open_database
from flows.edges.tracking.experiments import Tracking, open_tracking
from pipeline.candles.grid import daily_grid
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.forecast import Forecast
from pipeline.models.bundle import save_bundle
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit, issue
from pipeline.series import Series
from pipeline.simulation import simulate_candles


@dataclass(frozen=True)
class Fitted:
    """Candles with a hole, a model fitted on them, and the forecast that the ledger would hold."""

    series: Series
    candles: pd.DataFrame
    bundle: Path
    forecast: Forecast


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    series, as_of = Series.parse("binance/BTCUSDT/1d"), date(2026, 3, 29)
    candles = simulate_candles(seed=3, first=date(2023, 10, 1), last=as_of, price=50_000.0)
    candles = candles.drop(index=range(len(candles) - 60, len(candles) - 55)).reset_index(drop=True)
    grid = FeatureGrid.of(daily_grid(candles))
    model = fit(find_recipe("har-range"), grid, as_of=as_of, seed=1)
    folder = tmp_path_factory.mktemp("fitted") / "bundle"
    save_bundle(model, folder)
    return Fitted(series, candles, folder, issue(model, grid, series=series, as_of=as_of))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database at its newest revision, to be copied: migrating one takes half a second."""
    path = tmp_path_factory.mktemp("database") / "coincast.db"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def own_engine(empty_database: Path, tmp_path: Path) -> Iterator[Engine]:
    """A SQLite database of the test's own."""
    shutil.copyfile(empty_database, tmp_path / "coincast.db")
    engine = open_database(f"sqlite:///{tmp_path / 'coincast.db'}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database as it is when new: building one takes a second."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_tracking(replace(configuration().places, tracking_uri=f"sqlite:///{database}"))
    return database


@pytest.fixture
def tracking(empty_store: Path) -> Tracking:
    places = configuration().places
    database = Path(str(places.tracking_uri).removeprefix("sqlite:///"))
    database.parent.mkdir()
    shutil.copyfile(empty_store, database)
    return open_tracking(places)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An empty bucket of moto's server on loopback, as an fsspec URL."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # fsspec keeps file systems by their arguments, which do not tell one server from the one before.
        s3fs.S3FileSystem.clear_instance_cache()
        boto3.client("s3").create_bucket(Bucket="coincast")
        yield "s3://coincast"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
