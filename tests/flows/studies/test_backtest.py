"""A backtest from a file to its CSV: the same bytes twice, and after a kill."""

import csv
from datetime import date

import pytest

import flows.studies.backtest
from flows.edges.configuration import configuration
from flows.studies.backtest import BacktestRequest, backtest, backtest_metrics
from pipeline.errors import InputError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

SERIES = Series.parse("binance/BTCUSDT/1d")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "Binance_BTCUSDT_d.csv"
    candles = simulate_candles(seed=8, first=date(2022, 1, 1), last=date(2024, 1, 31), price=100.0)
    path.write_bytes(wire_format(candles, SERIES))
    return path


@pytest.fixture
def asked(file, tmp_path):
    return BacktestRequest(
        file=file,
        series=SERIES,
        recipe="har-range",
        first=date(2023, 6, 1),
        last=date(2024, 1, 31),
        refit_every=100,
        horizons=(1, 2, 7),
        out=tmp_path / "forecasts.csv",
        track=False,
    )


def test_the_forecasts_are_hubverse_rows_and_the_summary_says_what_was_done(asked, own_state):
    result = backtest(asked, configuration())
    rows = list(csv.DictReader(asked.out.read_text().splitlines()))
    assert list(rows[0]) == [
        "model_id",
        "reference_date",
        "horizon",
        "target_end_date",
        "location",
        "output_type",
        "output_type_id",
        "value",
    ]
    assert len(rows) == result["forecasts"]["rows"] == 245 * 3 * 23
    assert {row["location"] for row in rows} == {"binance-btcusdt-1d"}
    assert (result["first_as_of"], result["last_as_of"]) == ("2023-06-01", "2024-01-31")
    assert list(result["overall"]) == ["1", "2", "7"]
    assert list(result["years"]) == ["2023", "2024"]
    assert [fit["as_of"] for fit in result["fits"]] == ["2023-05-23", "2023-08-31", "2023-12-09"]
    assert not list((own_state / "backtests").glob("*"))


def test_the_same_bytes_twice_and_after_a_kill(asked, own_state, monkeypatch):
    backtest(asked, configuration())
    first = asked.out.read_bytes()
    asked.out.unlink()
    walk = flows.studies.backtest.walk_span
    walked = []

    def killed_at_the_third(recipe, grid, span, *, seed):
        if len(walked) == 2:
            raise KeyboardInterrupt
        walked.append(span.fit_as_of)
        return walk(recipe, grid, span, seed=seed)

    monkeypatch.setattr(flows.studies.backtest, "walk_span", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        backtest(asked, configuration())
    assert not asked.out.exists()
    walked.clear()
    resumed = backtest(asked, configuration())
    assert walked == [date(2023, 12, 9)]
    assert asked.out.read_bytes() == first
    assert len(resumed["fits"]) == 3


def test_a_damaged_part_is_walked_again(asked, own_state, monkeypatch):
    backtest(asked, configuration())
    first = asked.out.read_bytes()
    monkeypatch.setattr(flows.studies.backtest, "_write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        backtest(asked, configuration())
    monkeypatch.undo()
    monkeypatch.setenv("COINCAST_HOME", str(own_state))
    for part in (own_state / "backtests").rglob("*.npz"):
        part.write_bytes(b"half")
    backtest(asked, configuration())
    assert asked.out.read_bytes() == first


def test_a_recipe_without_ranges_is_refused(asked):
    request = BacktestRequest(**{**vars(asked), "recipe": "guide-lstm"})
    with pytest.raises(InputError, match="coincast compare"):
        backtest(request, configuration())


def test_metrics_are_few_and_finite(asked):
    metrics = backtest_metrics(backtest(asked, configuration()))
    assert set(metrics) >= {"backtest_relative_wis_h7", "backtest_coverage_80_pct_h1", "backtest_dm_t_h1"}
    assert len(metrics) <= 30


@pytest.mark.slow
def test_figures_and_numbers_go_to_mlflow(asked):
    from mlflow import MlflowClient

    from flows.edges.tracking.experiments import open_tracking

    current = configuration()
    result = backtest(BacktestRequest(**{**vars(asked), "track": True}), current)
    client: MlflowClient = open_tracking(current.places).client
    run = client.get_run(result["mlflow"]["run_id"])
    assert run.data.tags["kind"] == "backtest"
    assert run.data.metrics["backtest_relative_wis_h1"] == result["overall"]["1"]["relative_wis"]
    figures = {item.path for item in client.list_artifacts(run.info.run_id, "figures")}
    assert figures == {f"figures/{name}.png" for name in ("fan", "calibration", "coverage", "wis_gained")}
