"""`import coincast`, and the examples of docs/notebook.md, on a ledger of a few days."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pandas as pd
import pytest

import coincast
from flows.edges.ledger.store import Ledger
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sql.database import open_database
from pipeline.errors import CandleFileError, DateError, InputError, UnknownSeriesError
from pipeline.models.registry import BASELINES
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BTC = Series("binance", "BTCUSDT")
FIRST, DAYS = date(2026, 3, 1), 10
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "notebook.md").read_text(), flags=re.DOTALL)


@pytest.fixture
def series() -> Series:
    return BTC


@pytest.fixture
def market_file(tmp_path: Path) -> Path:
    table = simulate_candles(
        seed=1, first=date(2023, 1, 1), last=FIRST + timedelta(days=DAYS - 1), price=50_000.0
    )
    path = tmp_path / "Binance_BTCUSDT_d.csv"
    path.write_bytes(wire_format(table, BTC))
    return path


@pytest.fixture
def stores(
    own_state: Path,
    market_file: Path,
    make_forecast: Callable,
    make_context: Callable,
    make_candles: Callable,
) -> None:
    engine = open_database(f"sqlite:///{own_state / 'coincast.db'}")
    ledger, snapshots = Ledger(engine), SnapshotStore(engine, str(own_state / "snapshots"))
    now = datetime.combine(FIRST + timedelta(days=DAYS), time(), UTC)
    content = market_file.read_bytes()
    account = snapshots.read_new(content, series=BTC, now=now).account
    snapshots.add(
        market_file, series=BTC, url="u", fetched_at=now, etag="", last_modified="", account=account
    )
    closes = coincast.read_candles(market_file)["close"].tolist()[-DAYS:]
    for offset, close in enumerate(closes):
        day = FIRST + timedelta(days=offset)
        for model in ("coincast-range_blend", "coincast-random_walk"):
            ledger.issue([make_forecast(day, model_id=model, last_close=close)], issue=make_context(day))
    ledger.score(BTC, make_candles(FIRST, closes), snapshot_sha256="b" * 64, now=now, scored_at=now)
    engine.dispose()


@pytest.mark.usefixtures("stores")
def test_the_tables_of_the_stores(market_file: Path) -> None:
    forecasts, scores = (
        coincast.forecasts(str(BTC)),
        coincast.scores(str(BTC), models=["coincast-random_walk"]),
    )
    assert len(forecasts) == DAYS * 2 * 7
    assert len(scores) == sum(min(7, DAYS - 1 - day) for day in range(DAYS))
    truth = coincast.truth(str(BTC)).set_index("ds")["y"]
    known = forecasts.dropna(subset=["y"])
    assert known["y"].tolist() == pytest.approx(truth[known["ds"]].tolist())
    assert truth.tolist() == coincast.read_candles(market_file)["close"].tolist()


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_page_run(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(example, {"coincast": coincast})
    assert re.search(r"\d", capsys.readouterr().out)


def test_a_backtest_is_a_long_table(market_file: Path) -> None:
    walk = next(recipe for recipe in BASELINES if recipe.model_id == "coincast-random_walk")
    table = coincast.backtest(walk.name, file=market_file, first="2026-02-20", horizons=[1, 7])
    assert set(table["horizon"]) == {1, 7}
    assert set(table["model"]) == {walk.model_id}
    assert table["cutoff"].min() == pd.Timestamp("2026-02-20")
    one = table[table["horizon"] == 1]
    truth = coincast.read_candles(market_file).set_index("date")["close"]
    assert one["y"].dropna().tolist() == truth.loc["2026-02-21":].tolist()
    assert (one["q0.1"] < one["q0.9"]).all()


def test_what_is_written_wrongly_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UnknownSeriesError, match="exchange/SYMBOL/timeframe"):
        coincast.forecasts("BTC")
    with pytest.raises(DateError, match="YYYY-MM-DD"):
        coincast.forecasts(since="March")
    with pytest.raises(InputError, match="live or backfill"):
        coincast.scores(mode="alive")
    with pytest.raises(InputError, match="cannot be read"):
        coincast.read_candles(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no snapshot"):
        coincast.truth(str(BTC))
    with pytest.raises(InputError, match="no run"):
        coincast.runs(str(BTC))


def test_errors_name_arguments_and_not_the_commands_options(market_file: Path, tmp_path: Path) -> None:
    several = tmp_path / "several.csv"
    other = wire_format(
        simulate_candles(seed=2, first=date(2023, 1, 1), last=date(2023, 12, 31), price=9.0),
        Series("binance", "ETHUSDT"),
    )
    several.write_bytes(market_file.read_bytes() + b"".join(other.splitlines(keepends=True)[2:]))
    with pytest.raises(CandleFileError, match="with series=exchange/SYMBOL/timeframe"):
        coincast.read_candles(several)
    for words, asked in (
        ("file=CANDLES.csv, or series=exchange", {}),
        ("a later last= or a smaller refit_every=", {"file": market_file, "last": "2023-02-01"}),
        # A command is to be typed as it is.
        ("run `coincast daily --series binance/ETHUSDT/1d` or give file=", {"series": "binance/ETHUSDT/1d"}),
    ):
        with pytest.raises(InputError, match=words):
            coincast.backtest("har-range", **asked)


def test_a_pooled_recipe_learns_from_what_is_beside(
    market_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.csv"
    candles = simulate_candles(seed=2, first=date(2023, 1, 1), last=date(2026, 3, 10), price=9.0)
    other.write_bytes(wire_format(candles, Series("binance", "ETHUSDT")))
    with pytest.raises(InputError, match="learns from one series, got 2"):
        coincast.backtest("har-range", file=market_file, beside=[other])
    with pytest.raises(InputError, match="beside= is a list"):
        coincast.compare(["har-range"], file=market_file, beside=str(other))
    quick = tmp_path / "quick.toml"
    quick.write_text('name = "quick"\nbased_on = "pooled-blend"\nepochs = 1\nmembers = 1\n')
    days = {"first": "2026-03-01", "last": "2026-03-02", "refit_every": 100, "horizons": [1]}
    alone = coincast.backtest(str(quick), file=market_file, **days)
    pooled = coincast.backtest(str(quick), file=market_file, beside=[other], **days)
    assert len(alone) == len(pooled) == 2
    assert (alone["q0.9"] != pooled["q0.9"]).all()


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, coincast; print(sorted({'pandas', 'prefect', 'mlflow', 'keras'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
