import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.edges.configuration import configuration
from flows.edges.tracking.experiments import Experiment, open_tracking
from flows.inputs.history import read_history
from pipeline.errors import InputError, TrainingError
from pipeline.models.catalogue import parse_recipe
from pipeline.point.fitting import PointFit
from pipeline.point.framing import Framing, frame
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
    from flows.studies import sweep_runs
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
    assert result["failed"] == []

    parents = experiment().find_runs(tags={"kind": "sweep"})
    assert [run.id for run in parents] == [result["mlflow"]["run_id"]]
    trials = experiment().find_runs(tags={"kind": "sweep-trial"}, status="FINISHED")
    assert not any(name.startswith("test_") for run in trials for name in run.metrics)
    client = experiment().tracking.client
    for run in experiment().find_runs():
        assert run.tags["variant"] == "leak-free"
        assert len(client.get_run(run.id).inputs.dataset_inputs) == 1
    judged = experiment().find_runs(tags={"kind": "sweep-result"})
    assert [run.metrics["fit_seconds"] > 0 for run in judged] == [True, True]
    assert [item.path for item in client.list_artifacts(parents[0].id, "figures")] == ["figures/effect.png"]

    again = sweep(request)
    assert len(fits) == 7
    assert again["judged"] == result["judged"]
    assert json.loads(json.dumps(again)) == again


def test_a_time_out_is_tried_again_and_a_judged_sweep_is_not_enlarged(
    request_values: dict[str, Any], prefect_harness: None
) -> None:
    from flows.sweep import SweepRequest, sweep

    request = SweepRequest(vary=("window=3,5",), trials=1, time_limit_s=1e-6, **request_values)
    with pytest.raises(
        TrainingError, match=r"All 1 variations failed; the first, window 3: .* ran past its limit"
    ):
        sweep(request)
    result = sweep(request.model_copy(update={"time_limit_s": None}))
    assert [trial["settings"] for trial in result["trials"]] == [{"window": "3"}]
    assert result["trials"][0][SKILL] is not None

    with pytest.raises(InputError, match="chose among 1 variations and was judged"):
        sweep(request.model_copy(update={"trials": None, "time_limit_s": None}))
    (parent,) = experiment().find_runs(tags={"kind": "sweep"})
    assert (parent.status, parent.tags.get("failure")) == ("FINISHED", None)
    # What runs out of time once the choice is made does not open it again.
    assert sweep(request)["judged"] == result["judged"]


def test_the_recipe_as_given_is_judged_as_it_is_and_may_diverge(
    request_values: dict[str, Any], prefect_harness: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.studies import sweep_runs
    from flows.sweep import SweepRequest, sweep

    recipe = Path(str(request_values["recipe"]))
    recipe.write_text(SMALL + 'optimizer = "sgd"\nlearning_rate = 1e9\nvalidation = 0.1\n')
    fit = sweep_runs.fit_watched
    framings: list[Framing] = []

    def remember(framing: Framing, **options: Any) -> PointFit:
        framings.append(framing)
        return fit(framing, **options)

    monkeypatch.setattr(sweep_runs, "fit_watched", remember)
    result = sweep(SweepRequest(vary=("learning_rate=0.01",), **request_values))
    assert [judged["role"] for judged in result["judged"]] == ["chosen"]
    (failure,) = result["failed"]
    assert failure["trial"] == "as given"
    assert "diverged" in failure["reason"]
    (parent,) = experiment().find_runs(tags={"kind": "sweep"})
    assert f"Failed: as given: {failure['reason']}" in parent.tags["mlflow.note.content"]
    client = experiment().tracking.client
    assert [item.path for item in client.list_artifacts(parent.id, "figures")] == ["figures/effect.png"]

    tried, chosen, given = framings
    history = read_history(
        file=Path(str(request_values["file"])), series=None, as_of=None, configuration=configuration()
    )
    whole = frame(parse_recipe(recipe.read_text(), origin="given"), history.grid)  # type: ignore[arg-type]
    assert given.parts == whole.parts
    assert given.parts.n_validation > 0
    assert (chosen.parts.n_validation, chosen.parts.test) == (0, given.parts.test)
    assert tried.parts.n_validation > given.parts.n_validation


def test_what_cannot_be_swept_is_refused_before_a_fit(request_values: dict[str, Any]) -> None:
    from flows.sweep import SweepRequest, plan_sweep

    for changes, words in (
        ({"vary": ("window=3,zero",)}, "window"),
        ({"vary": ("window=5,700,3",)}, "window=700: A window of 700 rows"),
        ({"vary": ("epochs=1,2",), "epochs": 3}, "--epochs"),
        ({"vary": ("window=3",), "recipe": "har-range"}, "point recipe"),
    ):
        with pytest.raises(InputError, match=words):
            plan_sweep(SweepRequest(**{**request_values, **changes}), configuration())
    assert not (Path(str(request_values["file"])).parent / "mlruns").exists()
