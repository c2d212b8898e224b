import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from flows.edges.ledger import scoring
from flows.edges.ledger.scoring import Restatement, ScoreReport
from flows.edges.ledger.store import Ledger
from flows.edges.sql.database import reading
from pipeline.errors import StoreError
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import LEVELS
from pipeline.series import Series

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 29)
MODEL, WALK = "coincast-range_blend", "coincast-random_walk"
MakeForecast = Callable[..., Forecast]
MakeContext = Callable[..., IssueContext]
MakeCandles = Callable[..., pd.DataFrame]
Score = Callable[..., ScoreReport]


def midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


@pytest.fixture
def score(ledger: Ledger, series: Series) -> Score:
    """Score the series at an instant, from some bytes."""

    def run(candles: pd.DataFrame, now: datetime, *, sha: str = "b" * 64) -> ScoreReport:
        return ledger.score(
            series, candles, snapshot_sha256=sha, now=now, scored_at=now + timedelta(minutes=5)
        )

    return run


def naive_wis(actual: float, forecast: Forecast, horizon: int) -> float:
    """Issue by issue from its definition: twice the mean pinball loss of the log returns."""
    happened = math.log(actual / forecast.last_close)
    losses = []
    for level, price in zip(LEVELS, forecast.quantiles[horizon - 1], strict=True):
        quantile = math.log(price / forecast.last_close)
        miss = happened - quantile
        losses.append(level * miss if miss >= 0 else (level - 1) * miss)
    return 2 * sum(losses) / len(losses)


def naive_hit(actual: float, forecast: Forecast, horizon: int, coverage: int) -> bool:
    named = dict(zip(LEVELS, forecast.quantiles[horizon - 1], strict=True))
    lower, upper = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95), 95: (0.025, 0.975)}[coverage]
    return bool(named[lower] <= actual <= named[upper])


def test_scores_are_those_of_an_independent_computation(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    closes = [100.0, 101.0, 94.0, 99.9, 130.0, 100.0, 80.0, 104.0]
    spreads = {MODEL: 0.03, WALK: 0.05}
    for model_id, spread in spreads.items():
        ledger.issue([make_forecast(DAY, model_id=model_id, spread=spread)], issue=make_context(DAY))
    report = score(make_candles(DAY, closes), midnight_after(DAY + timedelta(days=7)))
    assert (report.scored, report.unchanged) == (14, 0)
    rows = ledger.scores(series)
    assert len(rows) == 14
    for row in rows.itertuples():
        forecast, actual = make_forecast(DAY, spread=spreads[row.model_id]), closes[row.horizon]
        assert row.actual_close == actual
        assert row.wis == pytest.approx(naive_wis(actual, forecast, row.horizon), rel=1e-12)
        assert row.absolute_error == pytest.approx(abs(actual - 100.0))
        for coverage in (50, 80, 90, 95):
            assert getattr(row, f"hit_{coverage}") == naive_hit(actual, forecast, row.horizon, coverage)
        quantiles = forecast.quantiles[row.horizon - 1]
        assert row.pit == pytest.approx(
            np.interp(math.log(actual), np.log(quantiles), LEVELS, left=0.005, right=0.995)
        )
        assert (row.median, row.lower_80, row.upper_80) == (quantiles[11], quantiles[3], quantiles[19])
        assert (row.revision, row.snapshot_sha256) == (1, "b" * 64)
        assert row.scored_at - row.now == timedelta(minutes=5)


def test_a_target_is_scored_from_the_instant_its_candle_is_complete_and_once(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    candles = make_candles(DAY, [100.0] * 9)
    end = midnight_after(DAY + timedelta(days=1))
    assert score(candles, end - timedelta(microseconds=1)).scored == 0
    assert score(candles, end).scored == 1
    assert score(candles, end) == ScoreReport(scored=0, unchanged=1)
    assert score(candles, end + timedelta(days=2)) == ScoreReport(scored=2, unchanged=1)
    assert ledger.scores(series)["horizon"].tolist() == [1, 2, 3]


def test_a_missing_or_filled_day_is_no_truth(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    end = midnight_after(DAY + timedelta(days=7))
    candles = make_candles(DAY, [100.0, 101.0, None, 103.0, 104.0, 105.0, 106.0, 107.0])
    grid = make_candles(DAY, [100.0, 101.0, 101.0, 103.0, 104.0, 105.0, 106.0, 107.0]).assign(
        filled=[False, False, True, *[False] * 5]
    )
    hole = DAY + timedelta(days=2)
    assert score(grid, end) == ScoreReport(scored=6, unchanged=0, missing=(hole,))
    assert score(candles, end) == ScoreReport(scored=0, unchanged=6, missing=(hole,))
    assert 2 not in ledger.scores(series)["horizon"].tolist()
    # The vendor fills its hole later: now there is a truth, and no restatement.
    late = make_candles(DAY, [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0])
    assert score(late, end) == ScoreReport(scored=1, unchanged=6)


def test_a_restated_close_scores_again_and_says_so(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    for model_id in (MODEL, WALK):
        ledger.issue([make_forecast(DAY, model_id=model_id)], issue=make_context(DAY))
    end = midnight_after(DAY + timedelta(days=2))
    score(make_candles(DAY, [100.0, 101.0, 102.0]), end)
    restated = make_candles(DAY, [100.0, 101.5, 102.0])
    report = score(restated, end + timedelta(days=1), sha="c" * 64)
    assert report == ScoreReport(
        scored=2,
        unchanged=2,
        restated=(Restatement(DAY + timedelta(days=1), 101.0, 101.5, 2),),
        missing=(DAY + timedelta(days=3),),
    )
    assert "restated the close of 2026-03-30 from 101 to 101.5" in " ".join(report.lines)
    latest = ledger.scores(series, model_ids=[MODEL]).query("horizon == 1").iloc[0]
    assert (latest["revision"], latest["actual_close"], latest["snapshot_sha256"]) == (2, 101.5, "c" * 64)
    assert latest["wis"] == pytest.approx(naive_wis(101.5, make_forecast(DAY), 1))
    history = ledger.scores(series, model_ids=[MODEL], latest_only=False).query("horizon == 1")
    assert history["actual_close"].tolist() == [101.0, 101.5]
    assert score(restated, end + timedelta(days=1), sha="c" * 64).scored == 0


def test_a_run_that_believes_in_an_earlier_instant_does_not_undo_a_restatement(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    end = midnight_after(DAY + timedelta(days=1))
    score(make_candles(DAY, [100.0, 101.0]), end)
    score(make_candles(DAY, [100.0, 101.5]), end + timedelta(hours=12))
    assert score(make_candles(DAY, [100.0, 101.0]), end) == ScoreReport(scored=0, unchanged=1)
    assert ledger.scores(series)["actual_close"].tolist() == [101.5]


def test_the_last_issue_before_the_close_is_scored_in_each_mode_apart(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    ledger.issue([make_forecast(DAY, spread=0.01)], issue=make_context(DAY))
    last_word = midnight_after(DAY + timedelta(days=1)) - timedelta(seconds=1)
    ledger.issue([make_forecast(DAY, spread=0.02)], issue=make_context(DAY, now=last_word))
    end = midnight_after(DAY + timedelta(days=1))
    candles = make_candles(DAY, [100.0, 103.0])
    assert score(candles, end).scored == 1
    # Issued at the close: a backfill, however good, and no part of the live record.
    ledger.issue([make_forecast(DAY, spread=0.03)], issue=make_context(DAY, now=end))
    assert score(candles, end).scored == 1
    rows = ledger.scores(series).query("horizon == 1").set_index("mode")
    assert rows.loc["live", "wis"] == pytest.approx(naive_wis(103.0, make_forecast(DAY, spread=0.02), 1))
    assert rows.loc["live", "issue"] == 2
    assert rows.loc["backfill", "wis"] == pytest.approx(naive_wis(103.0, make_forecast(DAY, spread=0.03), 1))
    # A backfill that is issued again is scored by its last issue; the old score stays in the history.
    ledger.issue([make_forecast(DAY, spread=0.04)], issue=make_context(DAY, now=end))
    assert score(candles, end).scored == 1
    again = ledger.scores(series, mode="backfill")
    assert again["wis"].tolist() == [pytest.approx(naive_wis(103.0, make_forecast(DAY, spread=0.04), 1))]
    assert len(ledger.scores(series, mode="backfill", latest_only=False)) == 2


def test_scores_are_selected_by_target_day(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    empty = ledger.scores(series)
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    score(make_candles(DAY, [100.0] * 8), midnight_after(DAY + timedelta(days=7)))
    some = ledger.scores(series, since=DAY + timedelta(days=2), until=DAY + timedelta(days=3))
    assert some["horizon"].tolist() == [2, 3]
    assert empty.dtypes.equals(some.dtypes)


def test_another_series_is_left_alone(
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    other = Series("kraken", series.symbol)
    ledger.issue([make_forecast(DAY, series=other)], issue=make_context(DAY))
    report = score(make_candles(DAY, [100.0] * 9), midnight_after(DAY + timedelta(days=8)))
    assert report == ScoreReport(scored=0, unchanged=0)


def test_the_view_of_scores_gives_those_that_count(
    engine: sa.Engine,
    ledger: Ledger,
    score: Score,
    series: Series,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
) -> None:
    end = midnight_after(DAY + timedelta(days=7))
    for spread, close in ((0.02, 101.0), (0.03, 102.0)):
        ledger.issue([make_forecast(DAY, spread=spread)], issue=make_context(DAY))
        score(make_candles(DAY, [100.0, *[close] * 7]), end)
    with reading(engine) as connection:
        rows = connection.execute(sa.text("SELECT series, horizon, wis FROM v_scores")).mappings().all()
    found = {row["horizon"]: row["wis"] for row in rows if row["series"] == str(series)}
    expected = ledger.scores(series)
    assert found == dict(zip(expected["horizon"], expected["wis"], strict=True))
    assert len(found) == 7


def test_a_damaged_forecast_is_named_instead_of_a_refusal_of_the_database(
    ledger: Ledger,
    score: Score,
    make_forecast: MakeForecast,
    make_context: MakeContext,
    make_candles: MakeCandles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger.issue([make_forecast(DAY, model_id=MODEL)], issue=make_context(DAY))
    monkeypatch.setattr(
        scoring, "unpack_quantiles", lambda packed: np.full((len(packed), len(LEVELS)), np.nan)
    )
    with pytest.raises(StoreError, match=r"forecasts \d+ \(table forecasts, column id\) are damaged"):
        score(make_candles(DAY, [100.0, 101.0]), midnight_after(DAY + timedelta(days=1)))
