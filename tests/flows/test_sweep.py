import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.edges.configuration import configuration
from flows.edges.tracking import Experiment, open_tracking
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
epochs = 1
"""
SKILL = "validation_skill_vs_random_walk"


@pytest.fixture
def request_values(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "small.toml").write_text(SMALL)
    candles = simulate_candles(seed=3, first=date(2023, 1, 1), last=date(2023, 8, 31), price=20000.0)
    (tmp_path / "candles.csv").write_bytes(wire_format(candles, Series("binance", "BTCUSDT")))
    return {"recipe": str(tmp_path / "small.toml"), "file": str(tmp_path / "candles.csv")}


def experiment() -> Experiment:
    return open_tracking(configuration().places).experiment("candles")


def test_a_sweep_that_was_cut_off_goes_on_and_judges_once(
    request_values: dict[str, Any], prefect_harness: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import sweep_runs
    from flows.sweep import SweepRequest, sweep

    request = SweepRequest(vary=("window=3,5", "learning_rate=0.01,1e9", "optimizer=sgd"), **request_values)
    fit = sweep_runs.fit_watched
    fits: list[object] = []

    def cut_off_at_the_third(framing: Any, **options: Any) -> Any:
        fits.append(framing)
        if len(fits) == 3:
            raise KeyboardInterrupt
        return fit(framing, **options)

    monkeypatch.setattr(sweep_runs, "fit_watched", cut_off_at_the_third)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - Prefect decides what an interrupt becomes
        sweep(request)
    before = [run.name for run in experiment().find_runs(tags={"kind": "sweep-trial"}, status="FINISHED")]
    assert before == ["window 3, learning_rate 0.01, optimizer sgd"]

    result = sweep(request)
    # Two were done, one of them diverged; two are left, and the two judged.
    assert len(fits) == 3 + 2 + 2
    assert [trial["settings"]["window"] for trial in result["trials"]] == ["3", "3", "5", "5"]
    assert [trial[SKILL] is None for trial in result["trials"]] == [False, True, False, True]
    chosen, given = result["judged"]
    best = max(
        (trial for trial in result["trials"] if trial[SKILL] is not None), key=lambda trial: trial[SKILL]
    )
    assert (chosen["role"], chosen["settings"]) == ("chosen", best["settings"])
    assert (given["role"], given["settings"]) == ("as given", {})
    assert "random walk" in chosen["verdict"]
    assert chosen["metrics"]["test_mse_price"] > 0

    parents = experiment().find_runs(tags={"kind": "sweep"})
    assert [run.id for run in parents] == [result["mlflow"]["run_id"]]
    trials = experiment().find_runs(tags={"kind": "sweep-trial"}, status="FINISHED")
    assert not any(name.startswith("test_") for run in trials for name in run.metrics)
    client = experiment().tracking.client
    assert [item.path for item in client.list_artifacts(parents[0].id, "figures")] == ["figures/effect.png"]

    again = sweep(request)
    assert len(fits) == 7
    assert again["judged"] == result["judged"]
    assert json.loads(json.dumps(again)) == again


def test_what_cannot_be_swept_is_refused_before_a_fit(request_values: dict[str, Any]) -> None:
    from flows.sweep import SweepRequest, plan_sweep
    from pipeline.errors import InputError

    for changes, words in (
        ({"vary": ("window=3,zero",)}, "window"),
        ({"vary": ("epochs=1,2",), "epochs": 3}, "--epochs"),
        ({"vary": ("window=3",), "recipe": "har-range"}, "point recipe"),
    ):
        with pytest.raises(InputError, match=words):
            plan_sweep(SweepRequest(**{**request_values, **changes}), configuration())
    assert not (Path(str(request_values["file"])).parent / "mlruns").exists()
