"""How fast the ledger writes, scores and answers, and how large it grows.

    python benchmarks/ledger.py                                   # 40 series × 365 days × 4 models, SQLite
    python benchmarks/ledger.py --url postgresql://postgres@127.0.0.1/scratch --series 40

The database must be a fresh one: rows cannot be removed afterwards.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from flows.edges.ledger.store import Ledger
from flows.edges.sql.database import open_database, reading
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.manifest import Manifest
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.monitoring.alarms import record_alarms
from pipeline.scores.scorecard import build_scorecard
from pipeline.series import Series

FIRST = date(2025, 1, 1)
MODELS = ("coincast-range_lstm", "coincast-har_range", "coincast-ewma_range", "coincast-random_walk")


@contextmanager
def timed(what: str, rows: int) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    print(f"{what:<58} {seconds:8.2f} s   {rows / seconds:10,.0f} rows/s")


def midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), clock_time(), UTC)


def issue_a_year(ledger: Ledger, series: Series, closes: np.ndarray, *, days: int) -> None:
    spreads = np.linspace(-0.06, 0.06, len(LEVELS))
    for offset in range(days):
        day = FIRST + timedelta(days=offset)
        now = midnight_after(day) + timedelta(minutes=20)
        manifest = Manifest({"name": "range-lstm"}, 1, day, (str(series),), ("a" * 64,), "known", "0.1.0", {})
        context = IssueContext(manifest, "1", "0" * 32, "a" * 64, "known", now, now)
        close = float(closes[offset])
        issued = [
            Forecast(
                series,
                day,
                model,
                close,
                close * np.exp(np.outer(np.sqrt(HORIZONS), spreads * (1 + index / 9))),
            )
            for index, model in enumerate(MODELS)
        ]
        ledger.issue(issued, issue=context)


def size_of(engine: sa.Engine) -> int:
    if engine.dialect.name == "sqlite":
        path = Path(str(engine.url.database))
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT 1")
        return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
    with reading(engine) as connection:
        return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())


def run(url: str, *, series_count: int, days: int) -> None:
    engine = open_database(url)
    ledger = Ledger(engine)
    all_series = [Series("binance", f"COIN{number}USDT") for number in range(series_count)]
    generator = np.random.default_rng(1)
    closes = 100 * np.exp(np.cumsum(generator.normal(0, 0.03, days + 8)))
    year = days * len(MODELS) * len(HORIZONS)
    total, before = year * series_count, size_of(engine)
    with timed(f"issue {total:,} rows, 28 a transaction", total):
        for series in all_series:
            issue_a_year(ledger, series, closes, days=days)
    with timed("issue one series' year again (nothing new)", year):
        issue_a_year(ledger, all_series[0], closes, days=days)
    candles = pd.DataFrame(
        {"date": np.arange(days + 8) + np.datetime64(FIRST, "us").astype("datetime64[D]"), "close": closes}
    ).astype({"date": "datetime64[us]"})
    now = midnight_after(FIRST + timedelta(days=days + 7))
    told = {"snapshot_sha256": "b" * 64, "now": now, "scored_at": now}
    with timed("score everything", total):
        for series in all_series:
            ledger.score(series, candles, **told)
    print(
        f"{'size':<58} {(size_of(engine) - before) / 2**20:8.0f} MiB "
        f"{(size_of(engine) - before) / total:8.0f} bytes a forecast with its score"
    )
    questions(ledger, all_series[series_count // 2], candles, told, year)


def questions(ledger: Ledger, series: Series, candles: pd.DataFrame, told: dict, year: int) -> None:
    with timed("score one series again (nothing new)", year):
        ledger.score(series, candles, **told)
    newest = ledger.newest_as_of(series)
    with timed("newest day of one series", len(MODELS) * len(HORIZONS)):
        ledger.forecasts(series, since=newest)
    with timed("one series' year of forecasts", year):
        ledger.forecasts(series)
    with timed("one series' year of scores", year):
        scores = ledger.scores(series)
    with timed("scorecard of it", year):
        build_scorecard(scores)
    with timed("alarms of it", year):
        record_alarms(scores, series=str(series), model_id=MODELS[0])
    with timed("one day of all series", 1):
        print(f"{'':<4}{len(ledger.forecasts(since=newest, until=newest)):,} rows")
    span = {"since": FIRST, "until": FIRST + timedelta(days=1830)}
    with timed("which days are complete, one series", year):
        ledger.complete_days(series, model_id=MODELS[0], **span)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="")
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(options.url or f"sqlite:///{folder}/coincast.db", series_count=options.series, days=options.days)
