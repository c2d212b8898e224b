"""`coincast hub validate`: exit status, and what a person and a program read."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from flows.command import main
from flows.edges.files.targets import publish
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import LEVELS
from pipeline.hub.files import hub_files
from pipeline.recipes.base import Recipe
from pipeline.series import Series


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    forecast = Forecast(
        Series("binance", "BTCUSDT"),
        date(2026, 3, 29),
        "coincast-range_lstm",
        1.0,
        np.tile(1 + np.array(LEVELS), (7, 1)),
    )
    recipe = Recipe(name="range-lstm", kind="range", title="A network")
    publish(hub_files([forecast], now=datetime(2026, 3, 30, tzinfo=UTC), recipes=[recipe]), str(tmp_path))
    return tmp_path / "hub"


@pytest.fixture
def validate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, str]]:
    """Runs the command; its exit status, standard output and standard error."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["coincast", "hub", "validate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_a_valid_hub(hub: Path, validate: Callable[..., tuple[object, str, str]]) -> None:
    assert validate(str(hub)) == (0, f"{hub}: valid, forecast files: 1\n", "")


def test_a_broken_hub_names_the_file_and_the_line(
    hub: Path, validate: Callable[..., tuple[object, str, str]]
) -> None:
    path = next(hub.glob("model-output/*/*.csv"))
    path.write_text(path.read_text().replace("1.05", "5", 1))
    code, out, error = validate(str(hub))
    assert code == 1
    assert f"{path.relative_to(hub)}:5: value 1.1 at 0.1 is below 5 at 0.05" in out
    assert error == f"{hub}: not valid, faults: 1 (order 1)\n"
    answer = json.loads(validate(str(hub), "--json")[1])
    assert answer["valid"] is False
    assert answer["faults"][0]["line"] == 5


def test_no_such_folder(tmp_path: Path, validate: Callable[..., tuple[object, str, str]]) -> None:
    code, out, error = validate(str(tmp_path / "nowhere"))
    assert (code, out) == (2, "")
    assert error.startswith("coincast: ")
    assert error.count("\n") == 1


def test_many_faults_are_counted_and_a_few_of_each_kind_shown(
    hub: Path, validate: Callable[..., tuple[object, str, str]]
) -> None:
    path = next(hub.glob("model-output/*/*.csv"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(line.rpartition(",")[0] + ",many" for line in lines[1:])]))
    path.with_name("2026-03-29").write_text("")
    code, out, error = validate(str(hub))
    assert code == 1
    assert len(out.splitlines()) == 1 + 5 + 1
    assert out.endswith("... and 156 more; --json has them all\n")
    assert error == f"{hub}: not valid, faults: 162 (value 161, file name 1)\n"
    assert len(json.loads(validate(str(hub), "--json")[1])["faults"]) == 162
