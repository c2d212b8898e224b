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
    from flows.studies import point_sweep
    from flows.sweep import SweepRequest, sweep

    request = SweepRequest(vary=("window=3,5", "learning_rate=0.01,1e9", "optimizer=sgd"), **request_values)
    fit = point_sweep.fit_watched
    fits: list[object] = []

    def cut_off_at_the_third(framing: Any, **options: Any) -> Any:
        fits.append(framing)
        if len(fits) == 3:
            raise KeyboardInterrupt
        return fit(framing, **options)

    monkeypatch.setattr(point_sweep, "fit_watched", cut_off_at_the_third)
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
    from flows.studies import point_sweep
    from flows.sweep import SweepRequest, sweep

    recipe = Path(str(request_values["recipe"]))
    recipe.write_text(SMALL + 'optimizer = "sgd"\nlearning_rate = 1e9\nvalidation = 0.1\n')
    fit = point_sweep.fit_watched
    framings: list[Framing] = []

    def remember(framing: Framing, **options: Any) -> PointFit:
        framings.append(framing)
        return fit(framing, **options)

    monkeypatch.setattr(point_sweep, "fit_watched", remember)
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
        ({"vary": ("window=5,700,3",)}, "window, value 700: A window of 700 rows"),
        ({"vary": ("epochs=1,2",), "epochs": 3}, "--epochs"),
        ({"vary": ("window=3",), "recipe": "har-range"}, "has no setting to vary"),
        ({"vary": ("lookback=3",), "recipe": "tiny-range"}, "needs --choose-until"),
        (
            {"vary": ("lookback=3",), "recipe": "tiny-range", "choose_until": date(2030, 1, 1)},
            "--choose-until is a day after 2023-01-01",
        ),
    ):
        with pytest.raises(InputError, match=words):
            plan_sweep(SweepRequest(**{**request_values, **changes}), configuration())
    assert not (Path(str(request_values["file"])).parent / "mlruns").exists()


def test_a_range_recipe_is_chosen_by_its_walk_up_to_a_date_and_told_once_after_it(
    tmp_path: Path, prefect_harness: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.studies import range_sweep
    from flows.sweep import SweepRequest, sweep

    candles = simulate_candles(seed=5, first=date(2021, 1, 1), last=date(2022, 8, 31), price=20000.0)
    (tmp_path / "candles.csv").write_bytes(wire_format(candles, Series("binance", "BTCUSDT")))
    (tmp_path / "coincast.toml").touch()
    monkeypatch.setenv("COINCAST_SETTINGS", str(tmp_path / "coincast.toml"))
    request = SweepRequest(
        recipe="tiny-range",
        file=str(tmp_path / "candles.csv"),
        vary=("epochs=1,2",),
        choose_until=date(2022, 6, 30),
        first=date(2022, 4, 1),
        refit_every=60,
        horizons=(1, 3),
        write="tuned",
    )
    walk = range_sweep.walk_span
    walked: list[tuple[int, date, date]] = []

    def cut_off(recipe: Any, grid: Any, span: Any, **options: Any) -> Any:
        walked.append((recipe.epochs, span.fit_as_of, grid.last_day))
        if recipe.epochs == 2 and len({epochs for epochs, _, _ in walked}) == 2 and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        return walk(recipe, grid, span, **options)

    interrupted: list[bool] = []
    monkeypatch.setattr(range_sweep, "walk_span", cut_off)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - Prefect decides what an interrupt becomes
        sweep(request)
    (done,) = experiment().find_runs(tags={"kind": "sweep-trial"}, status="FINISHED")
    fits = len(walked) - 1
    result = sweep(request)
    # The first trial is not walked again.
    chosen_by = [epochs for epochs, _, last in walked if last == date(2022, 6, 30)]
    assert chosen_by == [1] * fits + [2] + [2] * fits

    scores = {trial["settings"]["epochs"]: trial["validation_relative_wis"] for trial in result["trials"]}
    assert scores["1"] == done.metrics["validation_relative_wis"]
    each = [done.metrics[f"validation_relative_wis_h{h}"] for h in (1, 3)]
    assert scores["1"] == pytest.approx(sum(each) / 2)
    chosen, given = result["judged"]
    assert chosen["settings"] == {"epochs": min(scores, key=lambda epochs: scores[epochs])}
    assert (given["role"], given["settings"]) == ("as given", {})
    assert chosen["metrics"]["test_days_h1"] == 62
    assert "h 1: " in chosen["verdict"]
    assert "2022-06-30 to 2022-08-30" in chosen["setting"]
    written = parse_recipe(Path(result["written"]).read_text(), origin="tuned")
    assert (written.name, written.total_epochs) == ("tuned", int(chosen["settings"]["epochs"]))

    before = len(walked)
    assert sweep(request.model_copy(update={"write": None}))["judged"] == result["judged"]
    assert len(walked) == before
    with pytest.raises(InputError, match="named 'tuned' already"):
        sweep(request)
