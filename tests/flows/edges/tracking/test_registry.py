"""The registry on real SQLite: what a version holds, who is champion after races, and what may be deleted."""

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.edges.configuration import configuration
from flows.edges.machine.locks import locks_of
from flows.edges.tracking.aliases import Move, challenge, is_held, promote, promote_over, rollback
from flows.edges.tracking.experiments import Tracking, tracked_run
from flows.edges.tracking.registry import ModelVersion, RegisteredModel
from flows.edges.tracking.retention import Pruning, plan_pruning, prune
from pipeline.candles.grid import daily_grid
from pipeline.errors import RegistryError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.bundle import load_bundle
from pipeline.models.fitting import issue
from pipeline.models.serving import QUANTILE_COLUMNS

pytestmark = pytest.mark.slow

# Two of these judge against the champion that both have seen, and are let go together.
RACER = """
import sys, time
from pathlib import Path
from flows.edges.configuration import configuration
from flows.edges.tracking.registry import RegisteredModel
from flows.edges.tracking.aliases import promote_over
from flows.edges.tracking.experiments import open_tracking, tracked_run
from flows.edges.machine.locks import locks_of
from pipeline.candles.columns import CANDLE_COLUMNS
from pipeline.series import Series
import pandas as pd

number, bundle, table, gate = sys.argv[1:]
series, places = Series.parse("binance/BTCUSDT/1d"), configuration().places
tracking = open_tracking(places)
model = RegisteredModel(tracking, series, lock=locks_of(places))
Path(gate, number).touch()
while len(list(Path(gate).iterdir())) < 2:
    time.sleep(0.01)
with tracked_run(tracking.experiment(series.slug), f"racer {number}", tags={}) as run:
    made = model.register(Path(bundle), run=run, candles=pd.read_parquet(table), card="", tags={})
    print(made.version, promote_over(model, made.version, champion=1).moved)
"""


@pytest.fixture
def model(tracking: Tracking, fitted: Any) -> RegisteredModel:
    return RegisteredModel(tracking, fitted.series, lock=locks_of(configuration().places))


def add(
    model: RegisteredModel, tracking: Tracking, fitted: Any, *, count: int = 1, **tags: str
) -> ModelVersion:
    for _ in range(count):
        with tracked_run(tracking.experiment(fitted.series.slug), "a day", tags={}) as run:
            made = model.register(fitted.bundle, run=run, candles=fitted.candles, card="# Card", tags=tags)
    return made


def test_a_version_holds_the_bundle_and_answers_with_the_ledgers_bits(
    model: RegisteredModel, tracking: Tracking, fitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    from flows.edges.tracking.model_folder import input_example

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    # Loading puts the model's copy of `pipeline` on the path, where processes of later tests would find it.
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert model.versions() == ()
    assert model.at("champion") is None
    made = add(model, tracking, fitted, recipe="har-range", as_of="2026-03-29")
    (listed,) = model.versions()
    assert listed == made == model.find(1)
    assert (made.name, made.version, made.aliases) == ("coincast-binance-btcusdt-1d", 1, ())
    assert (made.description, made.tags["as_of"]) == ("# Card", "2026-03-29")

    # Before anything loads it: Python may keep the compiled module beside the source that it runs.
    files = {path.name for path in model.bundle(made).parents[1].rglob("*") if path.is_file()}
    assert {"model.json", "arrays.npz", "served.json", "input_example.json", "served_model.py"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib", ".pyc"))]

    kept = load_bundle(model.bundle(made))
    again = issue(
        kept, FeatureGrid.of(daily_grid(fitted.candles)), series=fitted.series, as_of=date(2026, 3, 29)
    )
    assert np.array_equal(again.quantiles, fitted.forecast.quantiles)

    served = mlflow.pyfunc.load_model(made.uri)
    answer = served.predict(input_example(fitted.candles, load_bundle(fitted.bundle)))
    assert np.array_equal(answer[list(QUANTILE_COLUMNS)].to_numpy(), fitted.forecast.quantiles)
    assert served.metadata.signature.inputs.input_names() == [
        "date",
        "open",
        "high",
        "low",
        "close",
        "volume",
    ]
    assert len(served.input_example) == 395
    run = tracking.client.get_run(made.run_id)
    assert [output.model_id for output in run.outputs.model_outputs] == [made.logged_model_id]


def test_a_version_runs_on_the_code_that_it_carries_without_a_network_library(
    model: RegisteredModel, tracking: Tracking, fitted: Any, tmp_path: Path
) -> None:
    made = add(model, tracking, fitted)
    script = (
        "import sys, mlflow; mlflow.pyfunc.load_model(sys.argv[1]); import pipeline.models.serving;"
        "print(pipeline.models.serving.__file__, {'keras', 'tensorflow', 'flows'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, made.uri], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    carried = model.bundle(made).parents[1] / "code" / "pipeline" / "models" / "serving.py"
    assert told.strip() == f"{carried} set()"


def test_champions_follow_one_another_and_come_back(
    model: RegisteredModel, tracking: Tracking, fitted: Any
) -> None:
    add(model, tracking, fitted, count=3)
    with pytest.raises(RegistryError, match="no previous champion"):
        rollback(model)
    assert promote_over(model, 1, champion=None) == Move(True, 1, None)
    challenge(model, 2)
    assert promote_over(model, 2, champion=None) == Move(False, 1, None)
    assert promote_over(model, 2, champion=1) == Move(True, 2, 1)
    assert promote(model, 3) == Move(True, 3, 2)
    assert promote(model, 3) == Move(False, 3, 2)
    assert {one.version: one.aliases for one in model.versions()} == {
        3: ("champion",),
        2: ("previous",),
        1: (),
    }
    assert rollback(model) == Move(True, 2, 1)
    assert rollback(model) == Move(True, 1, None)
    assert is_held(model)
    assert promote_over(model, 3, champion=1) == Move(False, 1, None)
    assert model.find(3).tags["rolled_back"] == "true"
    assert promote(model, 3) == Move(True, 3, 1)
    assert not is_held(model)
    assert "rolled_back" not in model.find(3).tags
    with pytest.raises(RegistryError, match="to promote version 9"):
        promote(model, 9)
    with pytest.raises(RegistryError, match="coincast models list"):
        model.find(9)


def test_two_runs_racing_end_with_one_champion_and_no_lost_version(
    model: RegisteredModel, tracking: Tracking, fitted: Any, tmp_path: Path
) -> None:
    add(model, tracking, fitted)
    promote(model, 1)
    fitted.candles.to_parquet(tmp_path / "candles.parquet")
    gate = tmp_path / "gate"
    gate.mkdir()
    arguments = [str(fitted.bundle), str(tmp_path / "candles.parquet"), str(gate)]
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(n), *arguments], stdout=subprocess.PIPE, text=True)
        for n in range(2)
    ]
    said = sorted(racer.communicate(timeout=240)[0].split() for racer in racers)
    assert [racer.returncode for racer in racers] == [0, 0]
    assert [version for version, _ in said] == ["2", "3"]
    assert sorted(moved for _, moved in said) == ["False", "True"]
    (winner,) = (int(version) for version, moved in said if moved == "True")
    held = {one.version: one.aliases for one in model.versions()}
    assert held == {1: ("previous",), 5 - winner: (), winner: ("champion",)}


def test_pruning_keeps_what_is_aliased_published_or_new_and_frees_the_rest(
    model: RegisteredModel, tracking: Tracking, fitted: Any
) -> None:
    add(model, tracking, fitted, count=7)
    promote(model, 1)
    promote(model, 2)
    model.set_tags(3, {"published": "2026-03-29"})
    runs = {one.version: one.run_id for one in model.versions()}
    folders = {one.version: model.bundle(one).parents[1] for one in model.versions()}
    bystander = tracking.client.create_run(tracking.experiment("binned").id).info.run_id
    tracking.client.delete_run(bystander)

    planned = plan_pruning(model, keep=1, published_versions={4}, published_runs={runs[5]})
    assert planned.versions == (6, 5)
    assert planned.runs == (runs[6],)
    done = prune(model, tracking, planned)
    assert (done.versions, done.runs, done.collect) == ((6, 5), (runs[6],), "")
    assert [one.version for one in model.versions()] == [7, 4, 3, 2, 1]
    assert {version for version, folder in folders.items() if folder.exists()} == {7, 4, 3, 2, 1}
    kept = {record.id for record in tracking.experiment(fitted.series.slug).find_runs()}
    assert kept == set(runs.values()) - {runs[6]}
    assert tracking.client.get_run(bystander).info.lifecycle_stage == "deleted"
    assert (
        prune(
            model, tracking, plan_pruning(model, keep=1, published_versions={4}, published_runs=())
        ).versions
        == ()
    )


def test_a_version_that_became_champion_meanwhile_is_not_pruned(
    model: RegisteredModel, tracking: Tracking, fitted: Any
) -> None:
    add(model, tracking, fitted, count=2)
    planned = plan_pruning(model, keep=1, published_versions=(), published_runs=())
    promote(model, 1)
    assert prune(model, tracking, planned).versions == ()
    assert [one.version for one in model.versions()] == [2, 1]


def test_a_version_whose_run_was_deleted_goes_unless_it_is_in_use(
    model: RegisteredModel, tracking: Tracking, fitted: Any
) -> None:
    from flows.edges.tracking.retention import _collect

    add(model, tracking, fitted, count=5)
    runs = {one.version: one.run_id for one in model.versions()}
    folders = {one.version: model.bundle(one).parents[1] for one in model.versions()}
    promote(model, 4)
    for version in (5, 4, 3, 2):
        tracking.client.delete_run(runs[version])
    # As `mlflow gc` leaves it: the run is gone for good, its version is not.
    assert tracking.artifacts is not None
    _collect(Pruning((), (runs[3],), ()), str(tracking.uri), tracking.artifacts)
    planned = plan_pruning(model, keep=30, published_versions={2}, published_runs=())
    assert (planned.versions, planned.orphans, planned.runs) == ((5, 3), (5, 3), ())
    done = prune(model, tracking, planned)
    assert (done.versions, done.orphans) == ((5, 3), (5, 3))
    assert [one.version for one in model.versions()] == [4, 2, 1]
    assert {version for version, folder in folders.items() if folder.exists()} == {4, 2, 1}
    assert tracking.client.get_run(runs[5]).info.lifecycle_stage == "deleted", "the bin is a person's"
