"""`coincast export`, `--version` and `settings`, as a program calls them."""

import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.command import main
from flows.edges.ledger.store import Ledger
from flows.edges.machine.versions import code_version
from flows.edges.sql.database import open_database
from pipeline.series import Series

pytestmark = pytest.mark.slow

FIRST, DAYS = date(2026, 3, 1), 3
Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def series() -> Series:
    return Series("binance", "BTCUSDT")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["coincast", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call


@pytest.fixture
def filled(own_state: Path, make_forecast: Callable, make_context: Callable) -> None:
    engine = open_database(f"sqlite:///{own_state / 'coincast.db'}")
    for offset in range(DAYS):
        day = FIRST + timedelta(days=offset)
        Ledger(engine).issue([make_forecast(day)], issue=make_context(day))
    engine.dispose()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_forecasts_go_to_a_file(run: Run, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    code, said, _ = run("export", "forecasts", "--out", str(out), "--since", "2026-03-02", "--json")
    assert (code, json.loads(said)) == (0, {"table": "forecasts", "file": str(out), "rows": 14})
    table = pd.read_csv(out) if out.suffix == ".csv" else pd.read_parquet(out)
    assert table["unique_id"].unique().tolist() == ["binance/BTCUSDT/1d"]
    assert pd.to_datetime(table["cutoff"]).min() == pd.Timestamp("2026-03-02")


@pytest.mark.usefixtures("filled")
def test_a_table_without_rows_has_its_columns(run: Run, tmp_path: Path) -> None:
    assert run("export", "scores", "--out", str(tmp_path / "scores.csv"))[0] == 0
    table = pd.read_csv(tmp_path / "scores.csv")
    assert (len(table), table.columns[0]) == (0, "unique_id")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--series", "binance/BTCUSDT/1d"], ""),
        (["--series", "binance/BTCUSDT/1d,binance/BTCUSD/1d"], "No forecasts of binance/BTCUSD/1d yet.\n"),
        (["--since", "2030-01-01"], "No forecasts of binance/BTCUSDT/1d on these days.\n"),
    ],
)
def test_a_series_without_rows_is_named(run: Run, tmp_path: Path, words: list[str], said: str) -> None:
    code, _, err = run("export", "forecasts", "--out", str(tmp_path / "out.csv"), *words)
    assert (code, err) == (0, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["truht", "--out", "t.csv"], "No table is named 'truht'; did you mean 'truth'?"),
        (["volumes", "--out", "t.csv"], "'volumes'; there are forecasts, scores, truth."),
        (["forecasts", "--out", "x.xlsx"], ".csv or .parquet"),
        (["forecasts", "--out", "x.csv", "--since", "yesterday"], "YYYY-MM-DD"),
        (["truth", "--out", "x.csv", "--series", "BTC"], "exchange/SYMBOL/timeframe"),
        (["truth", "--out", "x.csv"], "no snapshot"),
        (["scores", "--out", "/proc/none/x.csv"], "Cannot write"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, words: list[str], said: str) -> None:
    code, _, err = run("export", *words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_the_version_is_said(run: Run) -> None:
    assert run("--version") == (0, f"coincast {code_version()}\n", "")


def test_settings_say_where_each_comes_from(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "coincast.toml"
    file.write_text("seed = 7\nrefit_every = 3\n")
    monkeypatch.setenv("COINCAST_SETTINGS", str(file))
    monkeypatch.setenv("COINCAST_REFIT_EVERY", "5")
    values = json.loads(run("settings", "--json")[1])
    origins = values["origins"]
    assert (values["settings"]["seed"], origins["seed"]) == (7, "coincast.toml")
    assert (values["settings"]["refit_every"], origins["refit_every"]) == (5, "COINCAST_REFIT_EVERY")
    assert origins["recipe"] == "default"
    assert set(origins) == set(values["settings"])


def test_backfills_are_listed(run: Run) -> None:
    code, said, _ = run("backfill", "list")
    assert (code, said.startswith("No backfill was made yet")) == (0, True)
