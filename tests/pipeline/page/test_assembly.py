"""A page's record against sums by hand over the same score rows."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.page.assembly import build_record
from pipeline.page.content import Record
from pipeline.series import Series

pytestmark = pytest.mark.slow

BITCOIN = Series("binance", "BTCUSDT")
AS_OF = date(2026, 3, 29)
MODEL = "coincast-range_lstm"


@pytest.fixture(scope="module")
def scores(make_scores: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    days = pd.date_range(end=pd.Timestamp(AS_OF), periods=800)
    closes = pd.Series(60000 * np.exp(np.random.default_rng(7).normal(0, 0.03, 800).cumsum()), index=days)
    return make_scores(closes, BITCOIN, live=200, backfill=150)


def record(scores: pd.DataFrame, *, model: str = MODEL, mode: str = "live", window: int = 100) -> Record:
    built = build_record(scores, series=BITCOIN, model_id=model, mode=mode, as_of=AS_OF, window_days=window)
    assert built is not None
    return built


def by_hand(scores: pd.DataFrame, horizon: int, *, model: str = MODEL) -> pd.DataFrame:
    """Live rows of the last hundred days."""
    first = pd.Timestamp(AS_OF - timedelta(days=99))
    return scores[
        (scores.model_id == model)
        & (scores["mode"] == "live")
        & (scores.horizon == horizon)
        & (scores.target_date >= first)
    ]


def test_every_horizon_is_scored_in_the_window_only(scores: pd.DataFrame) -> None:
    built = record(scores)
    assert [line.horizon for line in built.lines] == [1, 2, 3, 4, 5, 6, 7]
    for line in built.lines:
        rows = by_hand(scores, line.horizon)
        walk = by_hand(scores, line.horizon, model="coincast-random_walk")
        assert line.n == len(rows) == 100
        assert {figure.nominal: figure.hits for figure in line.coverage}[80] == rows.hit_80.sum()
        assert line.skill is not None
        assert line.skill.relative_wis == pytest.approx(rows.wis.mean() / walk.wis.mean())


def test_past_forecasts_are_the_newest_one_day_ahead_oldest_first(scores: pd.DataFrame) -> None:
    rows = by_hand(scores, 1).sort_values("target_date").tail(90)
    past = record(scores).past
    assert [row.target_date for row in past] == list(rows.target_date.dt.date)
    assert [row.ranges[80] for row in past] == list(zip(rows.lower_80, rows.upper_80, strict=True))
    assert [row.hits[95] for row in past] == list(rows.hit_95)
    assert [row.actual for row in past] == list(rows.actual_close)


def test_skill_grows_to_the_records_own(scores: pd.DataFrame) -> None:
    built = record(scores)
    line = built.next_day
    assert line is not None
    assert line.skill is not None
    assert built.skill_path[-1].day == AS_OF
    assert built.skill_path[-1].relative_wis == pytest.approx(line.skill.relative_wis)


def test_modes_are_kept_apart(scores: pd.DataFrame) -> None:
    assert record(scores, mode="backfill", window=365).past[-1].target_date == AS_OF - timedelta(days=200)


def test_the_random_walk_has_a_record_without_skill(scores: pd.DataFrame) -> None:
    built = record(scores, model="coincast-random_walk")
    assert built.skill_path == ()
    assert all(line.skill is None for line in built.lines)


def test_nothing_scored_is_no_record(scores: pd.DataFrame) -> None:
    def build(rows: pd.DataFrame, series: Series = BITCOIN) -> Record | None:
        return build_record(rows, series=series, model_id=MODEL, mode="live", as_of=AS_OF)

    assert build(scores.iloc[:0]) is None
    assert build(scores, Series("kraken", "ETHUSD")) is None
