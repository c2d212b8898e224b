"""The long tables beside the ledger's own rows."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from flows.edges.ledger.store import Ledger
from flows.edges.sql.database import open_database
from flows.publishing.long_tables import (
    QUANTILE_COLUMNS,
    backtest_table,
    forecast_table,
    score_table,
    write_table,
)
from pipeline.evaluation.backtest import COLUMNS
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import LEVELS
from pipeline.series import Series

pytestmark = pytest.mark.slow

BITCOIN = Series("binance", "BTCUSDT")
FIRST, DAYS = date(2026, 2, 1), 12
MODEL, WALK = "coincast-range_blend", "coincast-random_walk"


@pytest.fixture
def series() -> Series:
    return BITCOIN


@pytest.fixture
def closes() -> list[float]:
    return (60_000 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.03, DAYS)))).tolist()


@pytest.fixture
def ledger(
    tmp_path: Path,
    closes: list[float],
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
    make_candles: Callable[..., pd.DataFrame],
) -> Ledger:
    """Twelve days of two models, scored up to the last of them."""
    ledger = Ledger(open_database(f"sqlite:///{tmp_path / 'coincast.db'}"))
    for offset, close in enumerate(closes):
        day = FIRST + timedelta(days=offset)
        issued = [make_forecast(day, model_id=name, spread=0.03, last_close=close) for name in (MODEL, WALK)]
        ledger.issue(issued, issue=make_context(day))
    now = datetime.combine(FIRST + timedelta(days=DAYS), datetime.min.time(), UTC)
    ledger.score(BITCOIN, make_candles(FIRST, closes), snapshot_sha256="b" * 64, now=now, scored_at=now)
    return ledger


def test_a_row_a_forecast_day_with_the_close_where_it_is_known(ledger: Ledger, closes: list[float]) -> None:
    table = forecast_table(ledger)
    assert len(table) == len(ledger.forecasts()) == DAYS * len((MODEL, WALK)) * 7
    assert table.columns[:7].tolist() == ["unique_id", "ds", "cutoff", "y", "model", "horizon", "mode"]
    assert table.columns[7:].tolist() == list(QUANTILE_COLUMNS)
    last = pd.Timestamp(FIRST) + pd.Timedelta(days=DAYS - 1)
    assert table["y"].notna().tolist() == (table["ds"] <= last).tolist()
    known = table.dropna(subset=["y"])
    places = (known["ds"] - pd.Timestamp(FIRST)).dt.days
    assert known["y"].tolist() == [closes[place] for place in places]
    assert ((table["ds"] - table["cutoff"]).dt.days == table["horizon"]).all()


def test_quantiles_are_the_ledgers_to_the_last_bit(ledger: Ledger) -> None:
    rows, table = ledger.forecasts(), forecast_table(ledger)
    assert (
        table[list(QUANTILE_COLUMNS)].to_numpy().tobytes() == np.array(rows["quantiles"].tolist()).tobytes()
    )
    assert QUANTILE_COLUMNS[LEVELS.index(0.5)] == "q0.5"


def test_rows_are_chosen_by_cutoff_model_and_mode(ledger: Ledger) -> None:
    day = FIRST + timedelta(days=3)
    table = forecast_table(ledger, BITCOIN, since=day, until=day, models=[MODEL], mode="live")
    assert set(zip(table["cutoff"].dt.date, table["model"], table["mode"], strict=True)) == {
        (day, MODEL, "live")
    }
    assert len(forecast_table(ledger, mode="backfill")) == 0
    assert forecast_table(ledger, mode="backfill").columns.tolist() == table.columns.tolist()


def test_scores_are_the_ledgers(ledger: Ledger) -> None:
    table, rows = (
        score_table(ledger, since=FIRST + timedelta(days=4)),
        ledger.scores(since=FIRST + timedelta(days=4)),
    )
    assert table["wis"].tolist() == rows["wis"].tolist()
    assert table["ds"].tolist() == rows["target_date"].tolist()
    assert table["y"].tolist() == rows["actual_close"].tolist()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_written_table_is_read_back(ledger: Ledger, tmp_path: Path, suffix: str) -> None:
    table, path = forecast_table(ledger), tmp_path / f"forecasts{suffix}"
    write_table(table, path)
    back = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path, parse_dates=["ds", "cutoff"])
    assert_frame_equal(back, table, check_dtype=suffix == ".parquet")
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("forecasts")] == [path.name]


def test_a_backtests_levels_become_columns() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    rows = pd.DataFrame(
        [
            (MODEL, str(day), 1, str(day + timedelta(days=1)), "btc", "quantile", level, 100 * level + number)
            for number, day in enumerate(days)
            for level in LEVELS
        ],
        columns=list(COLUMNS),
    )
    candles = pd.DataFrame({"date": pd.to_datetime(["2026-01-02"]).astype("datetime64[us]"), "close": [7.0]})
    table = backtest_table(rows, candles)
    assert table.columns.tolist() == ["unique_id", "ds", "cutoff", "y", "model", "horizon", *QUANTILE_COLUMNS]
    assert table["q0.25"].tolist() == [25.0, 26.0]
    assert table["y"].tolist()[0] == 7.0
    assert np.isnan(table["y"].tolist()[1])
