"""Pages of a made-up market: closes, the forecasts issued for them, their scores, and what a page says of it all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.candles.columns import CLOSE
from pipeline.forecasts.columns import bounds, hit
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import COVERAGES, HORIZONS, LEVELS, MEDIAN, interval
from pipeline.monitoring.alarms import STALE_SOURCE, Alarm
from pipeline.monitoring.week import GateDay, SeriesWeek, WeekHealth, WeekScore
from pipeline.page.assembly import build_record
from pipeline.page.content import Close, DataCheck, DataHealth, GateDecision, Issue, SeriesContent
from pipeline.page.days.former import former_forecasts
from pipeline.scores.formulas import probability_integral_transform, weighted_interval_score
from pipeline.series import Series
from pipeline.simulation import simulate_candles

AS_OF = date(2026, 3, 29)
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
MODEL, WALK = "coincast-range_lstm", "coincast-random_walk"

LATE = Alarm(
    "binance/BTCUSDT/1d",
    STALE_SOURCE,
    "The source (ab12cd) is late: run `coincast doctor`.",
    date(2026, 3, 28),
)


@pytest.fixture(scope="session")
def make_content() -> Callable[..., SeriesContent]:
    return _content


@pytest.fixture(scope="session")
def late() -> Alarm:
    """An alarm in its operator's words."""
    return LATE


@pytest.fixture(scope="session")
def make_scores() -> Callable[..., pd.DataFrame]:
    return _scores


@pytest.fixture(scope="session")
def week() -> SeriesWeek:
    """Seven days of which one was not forecast, a promotion, an alarm, and two days made afterwards."""
    live = WeekScore("live", 28, 7, {50: 3, 80: 5, 90: 6, 95: 7}, 0.931, 0.955, 7, 28)
    late = WeekScore("backfill", 14, 2, {50: 1, 80: 1, 90: 2, 95: 2}, None, None, 0, 0)
    return SeriesWeek(
        series=Series("binance", "BTCUSDT"),
        monday=date(2026, 3, 23),
        live=live,
        backfill=late,
        decisions=(GateDay(date(2026, 3, 24), True, MODEL, "It beats the random walk."),),
        health=WeekHealth(candles=6, unforecast=(date(2026, 3, 26),), restated=2, contract="warning"),
        alarms=(LATE,),
    )


def market(price: float, *, days: int = 900, seed: int = 3) -> pd.Series:
    """Closes by day up to AS_OF."""
    candles = simulate_candles(seed=seed, first=AS_OF - timedelta(days=days - 1), last=AS_OF, price=price)
    return pd.Series(candles[CLOSE].to_numpy(), index=pd.DatetimeIndex(candles["date"]))


def quantiles_on(closes: pd.Series, day: pd.Timestamp, *, spread: float, memory: int) -> np.ndarray:
    """Normal log returns with the standard deviation of the last `memory` days; shape (7, 23)."""
    returns = np.log(closes[:day]).diff().dropna().to_numpy()[-memory:]
    horizons = np.sqrt(np.array(HORIZONS))[:, None]
    return closes[day] * np.exp(spread * returns.std() * horizons * NORMAL)


def _scores(
    closes: pd.Series, series: Series, *, live: int, backfill: int = 0, spread: float = 1.0
) -> pd.DataFrame:
    """Score rows as the ledger gives them: the last `live` days in time, `backfill` days before them afterwards."""
    rows = []
    for back in range(live + backfill, 0, -1):
        day = pd.Timestamp(AS_OF) - pd.Timedelta(days=back)
        mode = "live" if back <= live else "backfill"
        for model, memory, width in ((MODEL, 25, spread), (WALK, 365, 1.1)):
            prices = quantiles_on(closes, day, spread=width, memory=memory)
            for horizon in HORIZONS[: min(back, 7)]:
                rows.append(
                    _score(closes, series, day, prices[horizon - 1], horizon)
                    | {"model_id": model, "mode": mode}
                )
    return pd.DataFrame(rows)


def forecast_rows(
    closes: pd.Series, series: Series, *, live: int, backfill: int = 0, spread: float = 1.0
) -> pd.DataFrame:
    """Forecasts as the ledger gives them: of the days that `_scores` has scores of, and of AS_OF itself."""
    rows = []
    for back in range(live + backfill, -1, -1):
        day = pd.Timestamp(AS_OF) - pd.Timedelta(days=back)
        for model, memory, width in ((MODEL, 25, spread), (WALK, 365, 1.1)):
            prices = quantiles_on(closes, day, spread=width, memory=memory)
            rows += [
                {
                    "series": str(series),
                    "as_of": day,
                    "horizon": horizon,
                    "model_id": model,
                    "mode": "live" if back <= live else "backfill",
                    "target_date": day + pd.Timedelta(days=horizon),
                    "quantiles": prices[horizon - 1],
                    "issued_at": (day + pd.Timedelta(days=1, minutes=21)).tz_localize(UTC),
                    "simulated_time": False,
                    "model_version": "14",
                    "run_id": "6f0e2d6c9b6b4f0d8a54f3c6e2a1b7c9",
                    "snapshot_sha256": "9d" * 32,
                }
                for horizon in HORIZONS
            ]
    return pd.DataFrame(rows)


def _score(
    closes: pd.Series, series: Series, day: pd.Timestamp, prices: np.ndarray, horizon: int
) -> dict[str, Any]:
    target = day + pd.Timedelta(days=horizon)
    last, actual = closes[day], closes[target]
    returns, outcome = np.log(prices / last), np.log(actual / last)
    row = {
        "series": str(series),
        "as_of": day,
        "horizon": horizon,
        "target_date": target,
        "last_close": last,
        "actual_close": actual,
        "median": prices[MEDIAN],
        "wis": float(weighted_interval_score(np.array([outcome]), returns[None])[0]),
        "absolute_error": abs(actual - prices[MEDIAN]),
        "pit": float(probability_integral_transform(np.array([outcome]), returns[None])[0]),
        "simulated_time": False,
        "simulated_data": False,
    }
    for coverage in COVERAGES:
        lower, upper = (float(end) for end in interval(prices, coverage))
        row |= dict(zip(bounds(coverage), (lower, upper), strict=True))
        row[hit(coverage)] = lower <= actual <= upper
    return row


def _content(
    name: str = "binance/BTCUSDT/1d",
    *,
    price: float = 61000.0,
    live: int = 365,
    backfill: int = 0,
    spread: float = 1.0,
    seed: int = 19,
    **changes: Any,
) -> SeriesContent:
    """A page's content; `changes` replace its fields."""
    series = Series.parse(name)
    closes = market(price, seed=seed)
    day = pd.Timestamp(AS_OF)
    forecast = Forecast(
        series, AS_OF, MODEL, float(closes[day]), quantiles_on(closes, day, spread=spread, memory=25), 5
    )
    walk = Forecast(
        series, AS_OF, WALK, float(closes[day]), quantiles_on(closes, day, spread=1.1, memory=365)
    )
    scores = _scores(closes, series, live=live, backfill=backfill, spread=spread)
    records = {
        mode: build_record(scores, series=series, model_id=MODEL, mode=mode, as_of=AS_OF)
        if len(scores)
        else None
        for mode in ("live", "backfill")
    }
    rows = forecast_rows(closes, series, live=live, backfill=backfill, spread=spread)
    content = SeriesContent(
        series=series,
        forecast=forecast,
        former=former_forecasts(rows, scores, published={}, usual=MODEL),
        random_walk=walk,
        issue=Issue(
            issued_at=datetime(2026, 3, 30, 0, 21, 5, tzinfo=UTC),
            now=datetime(2026, 3, 30, 0, 20, tzinfo=UTC),
            vintage="known",
            model_version="14",
            recipe_title="Stacked LSTM on a week of ranges, calibrated on its own past misses",
            trained_as_of=date(2026, 3, 28),
            run_id="6f0e2d6c9b6b4f0d8a54f3c6e2a1b7c9",
            run_url="http://127.0.0.1:5000/#/experiments/1/runs/6f0e2d6c9b6b4f0d8a54f3c6e2a1b7c9",
            manifest_id="c4" * 32,
        ),
        closes=tuple(Close(stamp.date(), float(close)) for stamp, close in closes[-120:].items()),
        health=DataHealth(
            source="https://www.cryptodatadownload.com/cdd/Binance_BTCUSDT_d.csv",
            snapshot="9d" * 32,
            fetched_at=datetime(2026, 3, 30, 0, 20, 31, tzinfo=UTC),
            first=closes.index[0].date(),
            last=AS_OF,
            candles=len(closes),
            missing_days=6,
            filled_days=6,
            restated_days=2,
            warnings=("Six days of January 2026 are missing; they are bridged by the close before them.",),
            checks=(
                DataCheck("every high is at least its low", True, "critical"),
                DataCheck("no day is missing", False, "warning", "6 days: 2026-01-03 to 2026-01-08"),
            ),
        ),
        gate=GateDecision(
            True,
            (
                "Its error on the last 90 days is 0.97 times the random walk's.",
                "Its 80 % ranges held on 82 % of them.",
            ),
        ),
        live=records["live"],
        backfill=records["backfill"],
        attribution="Candles: CryptoDataDownload, used under its terms; raw files are not passed on.",
    )
    return replace(content, **changes)
