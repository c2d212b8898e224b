"""What `coincast backtest` and `coincast leak-check` print, and how they end."""

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from flows.command import app
from flows.command.backtest import parse_horizons
from pipeline.errors import InputError, LeakError
from pipeline.evaluation.leak import Leak, LeakReport
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "Binance_BTCUSDT_d.csv"
    candles = simulate_candles(seed=8, first=date(2022, 1, 1), last=date(2023, 12, 31), price=100.0)
    path.write_bytes(wire_format(candles, Series.parse("binance/BTCUSDT/1d")))
    return path


@pytest.mark.parametrize(
    ("text", "expected"), [("1-7", (1, 2, 3, 4, 5, 6, 7)), ("3", (3,)), ("7,1, 2-3", (1, 2, 3, 7))]
)
def test_horizons_are_ranges_and_lists(text, expected):
    assert parse_horizons(text) == expected


@pytest.mark.parametrize("text", ["", "0-3", "8", "1-", "a", "1-2-3", "-1"])
def test_other_horizons_are_refused(text):
    with pytest.raises(InputError, match="--horizons"):
        parse_horizons(text)


def test_a_backtest_prints_tables_or_one_json_object(file, tmp_path):
    arguments = ["backtest", "--recipe", "ewma-range", "--file", str(file), "--from", "2023-06-01"]
    arguments += ["--refit-every", "100", "--horizons", "1,7", "--out", str(tmp_path / "f.csv"), "--no-track"]
    spoken = CliRunner().invoke(app, arguments)
    assert spoken.exit_code == 0, spoken.output
    assert "rel. WIS" in spoken.stdout
    read = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert read["overall"]["1"]["days"] > 200
    assert (tmp_path / "f.csv").stat().st_size > 0


def test_a_folder_that_is_not_there_is_said_before_the_walk(file, tmp_path):
    result = CliRunner().invoke(
        app, ["backtest", "--file", str(file), "--out", str(tmp_path / "no" / "f.csv")]
    )
    assert isinstance(result.exception, InputError)


def test_a_leak_check_says_that_all_is_equal(file):
    result = CliRunner().invoke(
        app, ["leak-check", "--recipe", "har-range", "--file", str(file), "--days", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "equal to the last bit" in result.stdout
    read = CliRunner().invoke(app, ["leak-check", "--recipe", "random-walk", "--days", "1", "--json"])
    assert json.loads(read.stdout)["leaks"] == []


def test_a_leak_is_an_error_that_names_the_day(file, monkeypatch):
    found = LeakReport((date(2023, 5, 1),), 3, (Leak(date(2023, 5, 1), "garbage", 0.25),))
    monkeypatch.setattr("flows.studies.leak_check.check_recipe", lambda *_, **__: found)
    result = CliRunner().invoke(app, ["leak-check", "--recipe", "har-range", "--file", str(file)])
    assert isinstance(result.exception, LeakError)
    assert "2023-05-01 by garbage" in str(result.exception)


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    path = tmp_path_factory.mktemp("another") / "Binance_ETHUSDT_d.csv"
    candles = simulate_candles(seed=9, first=date(2022, 6, 1), last=date(2023, 12, 31), price=10.0)
    path.write_bytes(wire_format(candles, Series.parse("binance/ETHUSDT/1d")))
    return path


@pytest.fixture
def pooled(tmp_path):
    path = tmp_path / "tiny-pooled.toml"
    path.write_text(
        'name = "tiny-pooled"\nbased_on = "pooled-blend"\nlookback = 4\nunits = [4]\nepochs = 1\n'
    )
    return str(path)


def test_a_pooled_recipe_is_walked_over_several_files(file, another, pooled, tmp_path):
    said = {}
    for name, files in {"alone": [file], "pooled": [file, another]}.items():
        asked = ["backtest", "--recipe", pooled, *(f"--file={one}" for one in files), "--from", "2023-10-01"]
        asked += ["--refit-every", "100", "--horizons", "1", "--out", str(tmp_path / f"{name}.csv")]
        done = CliRunner().invoke(app, [*asked, "--no-track", "--json"])
        assert done.exit_code == 0, done.output
        said[name] = json.loads(done.stdout)
    assert "pool" not in said["alone"]
    assert list(said["pooled"]["pool"]) == ["binance-ethusdt-d"]
    assert said["pooled"]["series"] == said["alone"]["series"] == "binance-btcusdt-d"
    assert (tmp_path / "pooled.csv").read_bytes() != (tmp_path / "alone.csv").read_bytes()


def test_a_leak_check_of_a_pool_alters_every_file(file, another, pooled):
    asked = ["leak-check", "--recipe", pooled, "--file", str(file), "--file", str(another), "--days", "1"]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["comparisons"] == 2 * 3


@pytest.mark.parametrize("verb", ["backtest", "leak-check", "train", "compare"])
def test_several_files_for_a_recipe_that_learns_from_one_are_refused(verb, file, another):
    recipe = "--recipes" if verb == "compare" else "--recipe"
    done = CliRunner().invoke(app, [verb, recipe, "har-range", "--file", str(file), "--file", str(another)])
    assert isinstance(done.exception, InputError)
    assert "learns from one series, got 2" in str(done.exception)


def test_a_series_twice_in_a_pool_is_refused(file, pooled):
    for verb in ("backtest", "leak-check"):
        done = CliRunner().invoke(app, [verb, "--recipe", pooled, "--file", str(file), "--file", str(file)])
        assert isinstance(done.exception, InputError)
        assert "once" in str(done.exception)


def test_files_and_series_of_a_pool_are_not_mixed(file, another, pooled):
    asked = ["backtest", "--recipe", pooled, "--file", str(file), "--file", str(another)]
    done = CliRunner().invoke(app, [*asked, "--series", "binance/SOLUSDT/1d"])
    assert isinstance(done.exception, InputError)
    assert "not both" in str(done.exception)
