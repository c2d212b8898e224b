"""What a comparison decides before and after its fits: what is refused, and how outcomes are told."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from flows.compare import CompareRequest, compare, plan_trials, require_common_day, require_enough
from flows.edges.configuration import configuration
from flows.edges.tracking.experiments import Experiment, Tracking, open_tracking
from flows.edges.tracking.run import Run
from flows.inputs.history import History
from flows.reporting.flow_run import ui_url
from flows.studies.comparison_report import Report
from pipeline.errors import InputError, TooLittleHistoryError
from pipeline.evaluation.comparison import RANDOM_WALK, Outcome, random_walk_of
from pipeline.models.catalogue import Recipe, find_recipe
from pipeline.point.framing import AS_WRITTEN, frame
from pipeline.recipes.points import ARTICLE_LSTM, GUIDE_LSTM
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow
SMALL = """
name = "small"
based_on = "guide-mlp"
window = 3

[[layers]]
kind = "dense"
units = 1
"""


@pytest.fixture(scope="module")
def history() -> History:
    candles = simulate_candles(seed=3, first=date(2022, 1, 1), last=date(2022, 12, 31), price=20000.0)
    return History("candles", None, "candles.csv", "ab" * 32, candles)


def report(history: History, *outcomes: Outcome) -> Report:
    tracking = Tracking("sqlite:///mlflow.db", client=None, artifacts=Path("artifacts"))  # type: ignore[arg-type]
    run = Run(client=None, id="1", name="compare", url="http://127.0.0.1:5000")  # type: ignore[arg-type]
    return Report(history, outcomes, (), run, Experiment(tracking, id="1", name="candles"))


@pytest.mark.parametrize(
    ("long", "words"),
    [
        (GUIDE_LSTM.varied(name="long-window", window=700), "long-window: A window of 700 rows"),
        (find_recipe("har-range"), "har-range: 490 daily candles"),
    ],
)
def test_a_recipe_that_the_candles_are_too_few_for_is_named_before_a_fit(
    long: Recipe, words: str, history: History
) -> None:
    request = CompareRequest(recipes=("any",), seeds=2)
    require_enough(plan_trials(request, [GUIDE_LSTM]), history)
    with pytest.raises(TooLittleHistoryError, match=words):
        require_enough(plan_trials(request, [GUIDE_LSTM, long]), history)


def test_only_what_shares_its_days_and_units_is_ranked_together(history: History) -> None:
    recipes = (GUIDE_LSTM, GUIDE_LSTM.varied(name="short", window=7), ARTICLE_LSTM)
    frames = [frame(recipe, history.grid) for recipe in recipes]
    frames.append(frame(ARTICLE_LSTM, history.candles, variant=AS_WRITTEN))
    outcomes = [random_walk_of(framing) for framing in frames]
    tables = report(history, *outcomes[::-1], outcomes[0]).as_values()["tables"]
    assert [table["variant"] for table in tables] == ["leak-free"] * 3 + ["as-written"]
    assert [table["setting"] for table in tables] == [outcomes[place].setting for place in (2, 1, 0, 3)]
    for table in tables:
        assert [row["recipe"] for row in table["rows"]] == [RANDOM_WALK]
        assert [row["setting"] for row in table["rows"]] == [table["setting"]]


def test_outcomes_that_share_no_day_are_refused_in_one_line(history: History) -> None:
    walk = random_walk_of(frame(GUIDE_LSTM, history.grid))
    require_common_day([walk])
    fitted = replace(walk, recipe="some", table=walk.table.assign(predicted=np.nan))
    for outcomes in ([walk, fitted], [fitted]):
        with pytest.raises(InputError, match="No day has a forecast by every recipe") as refused:
            require_common_day(outcomes)
        assert "\n" not in str(refused.value)
        assert refused.value.exit_code == 2


@pytest.mark.usefixtures("prefect_harness")
def test_ranges_and_points_stand_in_one_leaderboard(tmp_path: Path) -> None:
    candles = simulate_candles(seed=3, first=date(2022, 1, 1), last=date(2023, 12, 31), price=20000.0)
    file = tmp_path / "candles.csv"
    file.write_bytes(wire_format(candles, Series("binance", "BTCUSDT")))
    (tmp_path / "small.toml").write_text(SMALL)
    recipes = ("har-range", str(tmp_path / "small.toml"))
    result = compare(CompareRequest(recipes=recipes, file=str(file), seeds=1, epochs=1))
    board = result["leaderboard"]
    assert len(result["tables"]) == 2
    rows = {row["recipe"]: row for row in board["rows"]}
    assert set(rows) == {"har-range", "small", RANDOM_WALK}
    assert [row["wis"] is None for row in board["rows"]] == [False, False, True]
    assert rows["har-range"]["wis_error"] > 0
    assert rows["small"]["mse_price_error"] > 0
    assert min(rows["small"]["fit_seconds"], rows["small"]["predict_seconds"]) > 0
    experiment = open_tracking(configuration().places).find_experiment("candles")
    assert experiment is not None
    runs = {run.tags["recipe"]: run.metrics for run in experiment.find_runs(tags={"kind": "trial"})}
    assert runs["har-range"]["test_wis"] > 0
    assert runs["small"]["predict_seconds"] == rows["small"]["predict_seconds"]


@pytest.mark.usefixtures("prefect_harness")
def test_every_run_of_a_comparison_is_scored_on_the_days_that_all_have(tmp_path: Path) -> None:
    """After a hole har-range has no forecast for three weeks; ewma-range and the random walk go on."""
    candles = simulate_candles(seed=3, first=date(2022, 1, 1), last=date(2024, 12, 31), price=20000.0)
    hole = candles["date"].between("2024-08-01", "2024-08-20")
    file = tmp_path / "candles.csv"
    file.write_bytes(wire_format(candles[~hole].reset_index(drop=True), Series("binance", "BTCUSDT")))
    (table,) = compare(CompareRequest(recipes=("har-range", "ewma-range"), file=str(file)))["tables"]
    ranked = {row["recipe"]: row for row in table["rows"]}
    experiment = open_tracking(configuration().places).find_experiment("candles")
    assert experiment is not None
    runs = {run.tags["recipe"]: run for run in experiment.find_runs(tags={"kind": "trial"})}
    assert set(runs) == {"har-range", "ewma-range", RANDOM_WALK}
    for name, run in runs.items():
        assert run.metrics["test_days"] == 177
        assert run.metrics["test_mse_price"] == pytest.approx(
            ranked[name]["metrics"]["test_mse_price"]["mean"]
        )
        assert run.tags["setting"].startswith("177 of 198 test days")


def test_where_no_ui_is_known_no_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "0190a5a4-0000-7000-8000-000000000000")
    with temporary_settings(restore_defaults={PREFECT_API_URL, PREFECT_UI_URL}):
        assert ui_url() is None
    with temporary_settings({PREFECT_UI_URL: "http://127.0.0.1:4200"}):
        assert str(ui_url()).startswith("http://127.0.0.1:4200/")


def test_a_variant_whose_setting_reads_the_same_keeps_its_own_table(history: History) -> None:
    from dataclasses import replace

    walk = random_walk_of(frame(GUIDE_LSTM, history.grid))
    tables = report(history, walk, replace(walk, variant=AS_WRITTEN)).tables
    assert [(table.variant, len(table.standings)) for table in tables] == [
        ("leak-free", 1),
        ("as-written", 1),
    ]
