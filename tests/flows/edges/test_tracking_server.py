"""The same with an MLflow server on PostgreSQL whose artifacts lie on an S3 endpoint: nothing of it is mocked away."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from flows.edges.configuration import Places, configuration
from flows.edges.registry import RegisteredModel
from flows.edges.retention import plan_pruning, prune
from flows.edges.succession import Move, promote_over, rollback
from flows.edges.tracking import open_tracking, tracked_run
from flows.edges.turns import turns_of
from pipeline.bundle import load_bundle
from pipeline.candles.calendar import daily_grid
from pipeline.forecasting import issue

pytestmark = pytest.mark.slow

_START_LIMIT_S = 240
_BUCKET = "coincast-models"
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Endpoint of an object store with one empty bucket."""
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
    server.stop()


@pytest.fixture
def places(postgres_url: str, bucket: str, tmp_path: Path) -> Iterator[Places]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        address.partition(":")[2],
    ]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_S3_ENDPOINT_URL": bucket,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [
                *command,
                "--workers",
                "1",
                "--backend-store-uri",
                postgres_url,
                "--artifacts-destination",
                f"s3://{_BUCKET}",
            ],
            cwd=tmp_path,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_for(f"http://{address}/health", server)
            yield replace(configuration().places, tracking_uri=f"http://{address}", database_url=postgres_url)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    limit = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < limit and server.poll() is None:
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    pytest.fail(f"the MLflow server does not answer at {url}")


def test_runs_models_and_champions_live_on_a_server(places: Places, fitted: Any, bucket: str) -> None:
    import boto3

    tracking = open_tracking(places)
    assert (tracking.artifacts, tracking.ui, tracking.ui_command) == (None, places.tracking_uri, "")
    model = RegisteredModel(tracking, fitted.series, turn=turns_of(places))
    experiment = tracking.experiment(fitted.series.slug)
    for day in ("2026-03-27", "2026-03-28", "2026-03-29"):
        with tracked_run(experiment, f"{fitted.series.slug} {day}", tags={"as_of": day}) as run:
            run.log_metrics({"test_relative_wis": 0.98})
            run.log_json({"promote": True}, "gate")
            run.log_dataset(
                fitted.candles, name=fitted.series.slug, digest="ab" * 32, source="https://example.org"
            )
            model.register(fitted.bundle, run=run, candles=fitted.candles, card="# Card", tags={"as_of": day})
    (record,) = experiment.find_runs(tags={"as_of": "2026-03-28"})
    assert record.url == f"{places.tracking_uri}/#/experiments/{experiment.id}/runs/{record.id}"

    assert promote_over(model, 2, champion=None) == Move(True, 2, None)
    assert promote_over(model, 3, champion=None) == Move(False, 2, None)
    assert promote_over(model, 3, champion=2) == Move(True, 3, 2)
    assert rollback(model) == Move(True, 2, None)

    champion = model.at("champion")
    assert champion is not None
    kept = load_bundle(model.bundle(champion))
    again = issue(kept, daily_grid(fitted.candles), series=fitted.series, as_of=date(2026, 3, 29))
    assert np.array_equal(again.quantiles, fitted.forecast.quantiles)
    stored = boto3.client("s3", endpoint_url=bucket).list_objects_v2(Bucket=_BUCKET)["Contents"]
    assert any(item["Key"].endswith("bundle/arrays.npz") for item in stored)

    done = prune(model, tracking, plan_pruning(model, keep=1, published_versions=(), published_runs=()))
    assert done.versions == (1,)
    assert done.collect.startswith("mlflow gc --backend-store-uri")
    assert [one.version for one in model.versions()] == [3, 2]
