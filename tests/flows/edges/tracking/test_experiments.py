"""The tracking store on real SQLite: whole under races, complete in what it keeps, plain about failures."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flows.edges.configuration import Places, configuration
from flows.edges.tracking.experiments import Experiment, Tracking, open_tracking, tracked_run
from pipeline.errors import RegistryError, SettingsError

pytestmark = pytest.mark.slow

ONE_WRITER = """
import sys
from flows.edges.configuration import configuration
from flows.edges.tracking.experiments import open_tracking, tracked_run
experiment = open_tracking(configuration().places).experiment("shared")
for number in range(3):
    with tracked_run(experiment, f"{sys.argv[1]} {number}", tags={"writer": sys.argv[1]}) as run:
        run.log_metrics({"loss": number})
"""


def test_four_processes_opening_a_fresh_store_leave_it_whole(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", ONE_WRITER, f"writer-{number}"], stderr=subprocess.PIPE)
        for number in range(4)
    ]
    failures = [writer.communicate(timeout=240)[1].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0], failures
    runs = open_tracking(configuration().places).experiment("shared").find_runs(status="FINISHED")
    assert sorted(run.name for run in runs) == [f"writer-{w} {n}" for w in range(4) for n in range(3)]
    left = {path.name for path in (tmp_path / "mlruns").iterdir()}
    assert left <= {"mlflow.db", "mlflow.db.lock", "artifacts"}


def test_artifacts_lie_beside_the_database_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "a é#%20 b"
    places = Places(**{**vars(configuration().places), "tracking_uri": f"sqlite:///{folder / 'own.db'}"})
    experiment = open_tracking(places).experiment("binance-btcusdt-1d")
    with tracked_run(experiment, "named", tags={}) as run:
        run.log_text("hello", "notes.md")
    assert (
        folder / "artifacts" / "binance-btcusdt-1d" / run.id / "artifacts" / "notes.md"
    ).read_text() == "hello"


def test_the_skill_is_written_first(tracking: Tracking) -> None:
    """MLflow's UI lists a run's metrics, and picks the one to compare by, as they were written."""
    with tracked_run(tracking.experiment("binance-btcusdt-1d"), "a day", tags={}) as run:
        run.log_metrics({"test_days": 90.0, "test_mse_price": 2.5, "skill_vs_random_walk": 0.02})
    stored = run.client.get_run(run.id).data.metrics
    assert list(stored) == ["skill_vs_random_walk", "test_days", "price/test_mse_price"]


def test_a_run_keeps_what_was_logged(tracking: Tracking, tmp_path: Path) -> None:
    import pandas as pd
    from matplotlib.figure import Figure

    candles = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=3), "close": [1.0, 2.0, 3.0]})
    experiment = tracking.experiment("binance-btcusdt-1d")
    with tracked_run(experiment, "parent", tags={"kind": "comparison"}) as parent:
        pass
    with tracked_run(experiment, "binance-btcusdt-1d 2026-03-29", tags={"seed": 1}, parent=parent) as run:
        run.log_parameters({"window": 7, "network": {"units": [256, 512]}, "long": "x" * 9000})
        run.log_metrics({"test_mse_price": 2.5})
        run.log_curve("loss", [0.5, 0.25])
        run.log_figure(Figure(), "loss")
        run.log_table([{"recipe": "random-walk", "test_mse_price": 2.5}], "leaderboard")
        run.log_table(candles, "test_days")
        run.log_json({"promote": False, "as_of": candles["date"].iloc[0]}, "decision")
        run.log_dataset(
            candles, name="binance-btcusdt-1d", digest="ab" * 32, source="https://example.org/x.csv"
        )
        run.set_note("**not promoted**")

    (record,) = experiment.find_runs(tags={"seed": 1})
    assert (record.name, record.status) == ("binance-btcusdt-1d 2026-03-29", "FINISHED")
    assert record.metrics == {"test_mse_price": 2.5, "loss": 0.25}
    assert record.parameters["network.units"] == "[256, 512]"
    assert len(record.parameters["long"]) == 5000
    assert record.tags["mlflow.parentRunId"] == parent.id
    assert record.tags["mlflow.note.content"] == "**not promoted**"
    assert [entry["path"] for entry in json.loads(record.tags["mlflow.loggedArtifacts"])] == [
        "leaderboard.json",
        "test_days.json",
    ]
    assert record.url == run.url
    (shown,) = tracking.client.search_experiments()
    assert shown.name == experiment.name, "MLflow's own empty experiment is not listed"
    assert "skill_vs_random_walk" in shown.tags["mlflow.note.content"]
    history = tracking.client.get_metric_history(run.id, "epoch/loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
    assert {file.path for file in tracking.client.list_artifacts(run.id)} == {
        "decision.json",
        "figures",
        "leaderboard.json",
        "test_days.json",
    }
    (dataset,) = tracking.client.get_run(run.id).inputs.dataset_inputs
    assert dataset.dataset.digest == ("ab" * 32)[:36]
    assert (dataset.dataset.source_type, json.loads(dataset.dataset.source)) == (
        "http",
        {"url": "https://example.org/x.csv"},
    )


def test_a_dataset_that_is_a_file_is_not_said_to_come_from_the_web(tracking: Tracking) -> None:
    import pandas as pd

    candles = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=3), "close": [1.0, 2.0, 3.0]})
    with tracked_run(tracking.experiment("candles"), "a file's", tags={}) as run:
        run.log_dataset(candles, name="candles", digest="ab" * 32, source="/data/candles.csv")
    (dataset,) = tracking.client.get_run(run.id).inputs.dataset_inputs
    assert dataset.dataset.source_type == "local"
    assert json.loads(dataset.dataset.source) == {"uri": "/data/candles.csv"}


def test_each_day_on_one_snapshot_says_the_rows_that_it_used(tracking: Tracking) -> None:
    """MLflow keeps the first profile of a name and digest for all runs of an experiment."""
    import pandas as pd

    whole = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=4), "close": [1.0, 2.0, 3.0, 4.0]})
    experiment = tracking.experiment("two-days")
    for rows in (3, 4):
        with tracked_run(experiment, f"{rows} rows", tags={}) as run:
            run.log_dataset(whole.head(rows), name="candles", digest="ab" * 32, source="/data/candles.csv")
        (given,) = tracking.client.get_run(run.id).inputs.dataset_inputs
        assert {tag.key: tag.value for tag in given.tags} == {
            "mlflow.data.context": "training",
            "rows": str(rows),
            "first": "2026-01-01",
            "last": f"2026-01-0{rows}",
        }
        assert not given.dataset.profile, "it would be the first day's"


def test_a_failing_body_marks_the_run_failed_with_the_reason(tracking: Tracking) -> None:
    experiment = tracking.experiment("binance-btcusdt-1d")
    with (
        pytest.raises(ValueError, match="the loss exploded"),
        tracked_run(experiment, "doomed", tags={}) as run,
    ):
        raise ValueError("the loss exploded\n at epoch 3")
    (record,) = experiment.find_runs(status="FAILED")
    assert record.id == run.id
    assert record.tags["failure"] == "ValueError: the loss exploded at epoch 3"


def test_numbers_that_a_chart_cannot_show_are_refused(tracking: Tracking) -> None:
    experiment = tracking.experiment("binance-btcusdt-1d")
    with tracked_run(experiment, "careful", tags={}) as run:
        for broken in (float("nan"), float("inf"), float("-inf")):
            with pytest.raises(RegistryError, match="'loss' is not finite"):
                run.log_metrics({"fine": 1.0, "loss": broken})
            with pytest.raises(RegistryError, match="'loss' is not finite"):
                run.log_curve("loss", [1.0, broken])
            with pytest.raises(RegistryError, match=r"decision\.json cannot be written"):
                run.log_json({"p": broken}, "decision")
        run.log_metrics({f"metric_{number}": 1.0 for number in range(30)})
        with pytest.raises(RegistryError, match="31 metrics, at most 30"):
            run.log_metrics({"one_more": 1.0})


def test_what_mlflow_refuses_is_a_registry_error_in_one_line(tracking: Tracking) -> None:
    experiment = tracking.experiment("binance-btcusdt-1d")
    with (
        pytest.raises(RegistryError, match="MLflow refused run 'odd'") as caught,
        tracked_run(experiment, "odd", tags={}) as run,
    ):
        run.log_metrics({"not*a*name": 1.0})
    assert "\n" not in str(caught.value)
    assert [record.status for record in experiment.find_runs()] == ["FAILED"]


def test_a_deleted_experiment_is_restored(tracking: Tracking) -> None:
    first = tracking.experiment("binance-btcusdt-1d")
    tracking.client.delete_experiment(first.id)
    assert tracking.experiment("binance-btcusdt-1d").id == first.id
    with tracked_run(first, "after", tags={"note": "it's quoted"}):
        pass
    assert len(first.find_runs(tags={"note": "it's quoted"})) == 1


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "databricks"])
def test_an_address_that_mlflow_no_longer_takes_is_a_settings_error(uri: str) -> None:
    places = Places(**{**vars(configuration().places), "tracking_uri": uri})
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_URI is sqlite:"):
        open_tracking(places)


def test_a_server_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    places = Places(**{**vars(configuration().places), "tracking_uri": "http://ann:secret@127.0.0.1:9"})
    with pytest.raises(RegistryError, match=r"to open http://127\.0\.0\.1:9") as refused:
        open_tracking(places)
    assert "secret" not in str(refused.value)


def test_addresses_and_commands_that_are_shown_have_no_password(tracking: Tracking) -> None:
    server = replace(tracking, uri="https://ann:secret@models.example/", artifacts=None)
    assert server.ui == "https://models.example"
    view = "?workflowType=machine_learning"
    assert Experiment(server, "3", "a").run_url("7") == f"https://models.example/#/experiments/3/runs/7{view}"
    assert Experiment(server, "3", "a").url == f"https://models.example/#/experiments/3{view}"
    database = replace(tracking, uri="postgresql://ann:secret@127.0.0.1/mlflow")
    assert database.ui_command == 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
