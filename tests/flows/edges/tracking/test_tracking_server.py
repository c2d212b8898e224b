"""The same with an MLflow server on PostgreSQL whose artifacts lie on an S3 endpoint: nothing of it is mocked away."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from flows.edges.configuration import Places, configuration
from flows.edges.machine.locks import locks_of
from flows.edges.tracking.aliases import Move, promote_over, rollback
from flows.edges.tracking.experiments import open_tracking, tracked_run
from flows.edges.tracking.registry import RegisteredModel
from flows.edges.tracking.retention import plan_pruning, prune
from pipeline.candles.grid import daily_grid
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.bundle import load_bundle
from pipeline.models.fitting import issue

pytestmark = pytest.mark.slow


@pytest.fixture
def places(tracking_server: str, postgres_url: str) -> Places:
    return replace(configuration().places, tracking_uri=tracking_server, database_url=postgres_url)


def test_runs_models_and_champions_live_on_a_server(
    places: Places, fitted: Any, model_bucket: str, postgres_url: str
) -> None:
    import boto3

    tracking = open_tracking(places)
    assert (tracking.artifacts, tracking.ui, tracking.ui_command) == (None, str(places.tracking_uri), "")
    model = RegisteredModel(tracking, fitted.series, lock=locks_of(places))
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
    assert record.url.startswith(f"{places.tracking_uri}/#/experiments/{experiment.id}/runs/{record.id}?")

    assert promote_over(model, 2, champion=None) == Move(True, 2, None)
    assert promote_over(model, 3, champion=None) == Move(False, 2, None)
    assert promote_over(model, 3, champion=2) == Move(True, 3, 2)
    assert rollback(model) == Move(True, 2, None)

    champion = model.at("champion")
    assert champion is not None
    kept = load_bundle(model.bundle(champion))
    again = issue(
        kept, FeatureGrid.of(daily_grid(fitted.candles)), series=fitted.series, as_of=date(2026, 3, 29)
    )
    assert np.array_equal(again.quantiles, fitted.forecast.quantiles)
    stored = boto3.client("s3", endpoint_url=model_bucket).list_objects_v2(Bucket="coincast-models")[
        "Contents"
    ]
    assert any(item["Key"].endswith("bundle/arrays.npz") for item in stored)

    done = prune(model, tracking, plan_pruning(model, keep=1, published_versions=(), published_runs=()))
    assert done.versions == (1,)
    assert [one.version for one in model.versions()] == [3, 2]
    assert len(experiment.find_runs()) == 2
    assert len(binned_runs(postgres_url)) == 1, "else there is nothing to collect"
    # What is printed is run as it stands, in a shell of the server's host.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MLFLOW_TRACKING")}
    environment |= {"MLFLOW_BACKEND_STORE_URI": postgres_url, "MLFLOW_S3_ENDPOINT_URL": model_bucket}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    ran = subprocess.run(
        ["sh", "-c", done.collect], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert binned_runs(postgres_url) == []
    left = boto3.client("s3", endpoint_url=model_bucket).list_objects_v2(Bucket="coincast-models")["Contents"]
    assert len(left) < len(stored)
    again = prune(model, tracking, plan_pruning(model, keep=1, published_versions=(), published_runs=()))
    assert (again.versions, again.collect) == ((), "")


def binned_runs(url: str) -> list[Any]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT 1 FROM runs WHERE lifecycle_stage = 'deleted'")))
