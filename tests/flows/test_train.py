import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.edges.configuration import configuration
from flows.edges.tracking.experiments import open_tracking
from pipeline.errors import InputError, TimeLimitError, TrainingError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow
SMALL = """
name = "small-lstm"
based_on = "lecture-lstm"
window = 3

[[layers]]
kind = "lstm"
units = 4

[[layers]]
kind = "dense"
units = 1

[fitting]
epochs = 2
"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Any]:
    candles = simulate_candles(seed=3, first=date(2021, 6, 1), last=date(2023, 8, 31), price=20000.0)
    (tmp_path / "candles.csv").write_bytes(wire_format(candles, Series("binance", "BTCUSDT")))
    (tmp_path / "small.toml").write_text(SMALL)
    return {"file": str(tmp_path / "candles.csv"), "series": "binance/BTCUSDT/1d"}


# Keras writes its file by TensorFlow's variables, which do not know NumPy's new copy keyword.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_trained_networks_files_give_its_predictions_again(
    sources: dict[str, Any], tmp_path: Path, prefect_harness: None
) -> None:
    import keras

    from flows.train import TrainRequest, train
    from pipeline.windows.scaling import Scaling

    result = train(TrainRequest(recipe=str(tmp_path / "small.toml"), **sources))
    client = open_tracking(configuration().places).client
    folder = Path(client.download_artifacts(result["mlflow"]["run_id"], "model", str(tmp_path)))
    scaling = Scaling.from_values(json.loads((folder / "scaling.json").read_text()))
    network = keras.models.load_model(folder / "network.keras", compile=False)
    table = json.loads(
        Path(
            client.download_artifacts(result["mlflow"]["run_id"], "predictions.json", str(tmp_path))
        ).read_text()
    )
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    closes = np.array([row["actual"] for row in rows[:3]])
    window = scaling.apply(closes[:, None])[None].astype(np.float32)
    predicted = scaling.undo(np.asarray(network(window), dtype=np.float64)[0, 0], column=0)
    assert predicted == pytest.approx(rows[3]["predicted"], rel=1e-5)
    assert json.loads((folder / "recipe.json").read_text())["name"] == "small-lstm"


def test_a_range_recipe_is_kept_as_its_bundle(
    sources: dict[str, Any], tmp_path: Path, prefect_harness: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.studies import training
    from flows.train import TrainRequest, train
    from pipeline.models.bundle import load_bundle

    limits = []
    fit = training.fit
    monkeypatch.setattr(
        training, "fit", lambda *args, **more: limits.append(more["time_limit_s"]) or fit(*args, **more)
    )
    result = train(TrainRequest(recipe="tiny-range", time_limit_s=600, **sources))
    assert limits == [600]
    client = open_tracking(configuration().places).client
    folder = Path(client.download_artifacts(result["mlflow"]["run_id"], "model", str(tmp_path)))
    assert load_bundle(folder).recipe.name == "tiny-range"
    rows = {row["recipe"]: row for row in result["tables"][0]["rows"]}
    assert set(rows) == {"tiny-range", "random-walk"}
    run = client.get_run(result["mlflow"]["run_id"])
    assert run.data.metrics["fit_seconds"] > 0
    walk = rows["random-walk"]["metrics"]["test_mse_price"]["mean"]
    assert run.data.metrics["random_walk/random_walk_test_mse_price"] == pytest.approx(walk)
    assert run.data.tags["verdict"] == rows["tiny-range"]["verdict"]
    assert float(run.data.tags["diebold_mariano_p"]) == rows["tiny-range"]["diebold_mariano_p"]
    figures = {Path(item.path).name for item in client.list_artifacts(run.info.run_id, "figures")}
    assert figures == {"close.png", "prediction-test.png"}


def test_the_fit_of_a_range_recipe_ends_at_its_limit(sources: dict[str, Any], prefect_harness: None) -> None:
    from flows.train import TrainRequest, train

    with pytest.raises(TimeLimitError, match="ran past its limit"):
        train(TrainRequest(recipe="tiny-range", time_limit_s=1e-6, **sources))


@pytest.mark.parametrize("recipe", ["tiny-range", "guide-lstm"])
def test_what_tells_no_leak_is_not_trained_as_written(
    recipe: str, sources: dict[str, Any], tmp_path: Path, prefect_harness: None
) -> None:
    from flows.train import TrainRequest, train

    with pytest.raises(InputError, match=f"{recipe} has no as-written variant"):
        train(TrainRequest(recipe=recipe, as_written=True, **sources))
    assert not (tmp_path / "mlruns").exists()


def test_a_fit_that_diverges_keeps_no_model(
    sources: dict[str, Any], tmp_path: Path, prefect_harness: None
) -> None:
    from flows.train import TrainRequest, train

    (tmp_path / "bad.toml").write_text(SMALL + 'optimizer = "sgd"\nlearning_rate = 1e9\n')
    with pytest.raises(TrainingError, match="diverged"):
        train(TrainRequest(recipe=str(tmp_path / "bad.toml"), **sources))
    tracking = open_tracking(configuration().places)
    (run,) = tracking.experiment("binance-btcusdt-1d").find_runs()
    assert run.status == "FAILED"
    assert "diverged" in run.tags["failure"]
    assert not tracking.client.list_artifacts(run.id, "model")
    with pytest.raises(InputError, match="learns nothing"):
        train(TrainRequest(recipe="random-walk", **sources))
