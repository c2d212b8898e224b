"""What `coincast compare`, `train` and `sweep` print, and how they end."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

from flows.command import app
from pipeline.errors import TrainingError
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [
    pytest.mark.slow,
    # Keras writes its file by TensorFlow's variables, which do not know NumPy's new copy keyword.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
SMALL = """
name = "small"
based_on = "guide-mlp"
window = 3

[as_written]
scaler_rows = "all"

[[layers]]
kind = "dense"
units = 4

[[layers]]
kind = "dense"
units = 1

[fitting]
epochs = 1
"""
DIVERGING = SMALL.replace('"small"', '"diverging"') + 'optimizer = "sgd"\nlearning_rate = 1e9\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_harness: None) -> Path:
    """Two recipes and a candle file, in the working directory."""
    candles = simulate_candles(seed=3, first=date(2023, 1, 1), last=date(2023, 8, 31), price=20000.0)
    (tmp_path / "candles.csv").write_bytes(wire_format(candles, Series("binance", "BTCUSDT")))
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "diverging.toml").write_text(DIVERGING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--file", "candles.csv"])


def test_a_comparison_is_one_json_object_for_programs(folder: Path) -> None:
    result = json.loads(run("compare", "-r", "small.toml", "--seeds", "1", "--as-written", "--json").stdout)
    assert [table["variant"] for table in result["tables"]] == ["leak-free", "as-written"]
    for table in result["tables"]:
        rows = {row["recipe"]: row for row in table["rows"]}
        assert set(rows) == {"small", "random-walk"}
        assert rows["random-walk"]["metrics"]["skill_vs_random_walk"]["mean"] == 0
        assert sorted(row["rank"] for row in table["rows"]) == [1, 2]
    assert result["failed"] == []


def test_a_comparison_is_two_tables_with_verdicts_and_ends_with_1_where_a_fit_failed(folder: Path) -> None:
    spoken = run("compare", "-r", "small.toml,diverging.toml,random-walk", "--seeds", "2")
    assert spoken.exit_code == 1
    for words in ("leak-free, scaled units", "leak-free, price", "MASE", " ± ", "random-walk: the baseline"):
        assert words in spoken.stdout
    assert "small: " in spoken.stdout
    assert "MLflow run: " in spoken.stdout
    for seed in (1, 2):
        assert f"Failed: diverging seed {seed}: The fit diverged" in spoken.stderr


def test_a_training_is_a_table_or_one_json_object(folder: Path) -> None:
    spoken = run("train", "-r", "small.toml", "--as-written")
    assert spoken.exit_code == 0, spoken.output
    assert "as-written, price" in spoken.stdout
    result = json.loads(run("train", "-r", "small.toml", "--seed", "7", "--json").stdout)
    (table,) = result["tables"]
    assert {row["recipe"]: row["seeds"] for row in table["rows"]} == {"small": [7], "random-walk": []}


def test_a_training_that_diverges_fails(folder: Path) -> None:
    spoken = run("train", "-r", "diverging.toml")
    assert isinstance(spoken.exception, TrainingError)
    assert spoken.exception.exit_code == 1


def test_a_sweep_is_a_table_of_trials_and_what_the_test_rows_say(folder: Path) -> None:
    arguments = ("sweep", "-r", "small.toml", "--vary", "learning_rate=1e9,0.01", "--vary", "optimizer=sgd")
    spoken = run(*arguments)
    assert spoken.exit_code == 0, spoken.output
    for words in (
        "learning_rate",
        "skill on validation",
        "failed",
        "chosen (learning_rate 0.01",
        "as given (as it",
    ):
        assert words in spoken.stdout
    # The second time nothing is fitted, and the same is said.
    result = json.loads(run(*arguments, "--json").stdout)
    assert [trial["settings"]["learning_rate"] for trial in result["trials"]] == ["1e9", "0.01"]
    assert [judged["role"] for judged in result["judged"]] == ["chosen", "as given"]


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_requests_take_the_seeds_that_the_commands_take(seed: int) -> None:
    from flows.compare import CompareRequest
    from flows.sweep import SweepRequest
    from flows.train import TrainRequest

    requests: list[tuple[type[BaseModel], dict[str, object]]] = [
        (TrainRequest, {"recipe": "gru", "seed": seed}),
        (SweepRequest, {"recipe": "gru", "vary": ("window=3",), "seed": seed}),
        (CompareRequest, {"recipes": ("gru",), "seeds": seed}),
    ]
    for request, values in requests:
        with pytest.raises(ValidationError, match="seed"):
            request(**values)
