from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.candles.grid import daily_grid
from pipeline.errors import DateError, InputError
from pipeline.evaluation.backtest import walk_span
from pipeline.evaluation.range_sweeping import (
    check_days,
    checked_vary,
    few_days,
    mean_relative_wis,
    plan_stretches,
    range_settings,
    range_variation,
    score_walk,
)
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.models.regression import HAR_RANGE
from pipeline.recipes.base import Recipe
from pipeline.recipes.points import GUIDE_LSTM
from pipeline.recipes.ranges import RANGE_BLEND, TINY_RANGE
from pipeline.simulation import simulate_candles

FIRST, LAST = date(2020, 1, 1), date(2022, 3, 31)
UNTIL = date(2021, 12, 31)
CANDLES = simulate_candles(seed=5, first=FIRST, last=LAST, price=20000.0)


@pytest.fixture(scope="module")
def grid() -> FeatureGrid:
    return FeatureGrid.of(daily_grid(CANDLES))


def test_settings_are_the_fields_that_are_fitted_with() -> None:
    assert {"lookback", "units", "members", "ridge_shares", "ridge_penalty"} <= set(
        range_settings(RANGE_BLEND)
    )
    assert not {"name", "kind", "title", "source", "choices"} & set(range_settings(RANGE_BLEND))
    with pytest.raises(InputError, match="har-range has no setting to vary"):
        range_settings(HAR_RANGE)


def test_a_value_is_read_as_its_field() -> None:
    settings = {"units": "8x4", "ridge_shares": "0.25", "ridge_penalty": "50", "lookback": "9"}
    varied = range_variation(RANGE_BLEND, settings)
    values = RANGE_BLEND.model_dump() | {
        "units": (8, 4),
        "ridge_shares": (0.25,) * 7,
        "ridge_penalty": 50.0,
        "lookback": 9,
    }
    assert varied.model_dump() == values


@pytest.mark.parametrize(
    ("recipe", "text", "words"),
    [
        (RANGE_BLEND, "lookbak=3", "did you mean 'lookback'"),
        (RANGE_BLEND, "lookback=1", "--vary lookback, value 1: "),
        (RANGE_BLEND, "ridge_shares=0.5x0.5", "--vary ridge_shares, value 0.5x0.5: "),
        (RANGE_BLEND, "name=mine", "no setting 'name'"),
        (TINY_RANGE, "ridge_penalty=1", "no setting 'ridge_penalty'"),
        (GUIDE_LSTM, "lookback=3", "no setting 'lookback'"),
    ],
)
def test_what_a_recipe_cannot_have_is_refused(recipe: Recipe, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        checked_vary(recipe, [text])


def test_each_kind_has_its_own_way_to_say_the_days() -> None:
    check_days(GUIDE_LSTM, choose_until=None, first=None, validation=0.1)
    check_days(RANGE_BLEND, choose_until=UNTIL, first=None, validation=None)
    for recipe, until, validation, words in (
        (GUIDE_LSTM, UNTIL, None, "are for range recipes"),
        (RANGE_BLEND, UNTIL, 0.1, "is for point recipes"),
        (RANGE_BLEND, None, None, "needs --choose-until"),
    ):
        with pytest.raises(InputError, match=words):
            check_days(recipe, choose_until=until, first=None, validation=validation)


@pytest.mark.parametrize("until", [FIRST, LAST, LAST + timedelta(days=9)])
def test_a_date_outside_the_candles_is_refused_with_theirs(grid: FeatureGrid, until: date) -> None:
    with pytest.raises(
        DateError, match=f"--choose-until is a day after {FIRST}.* before {LAST}.*; got {until}"
    ):
        plan_stretches(grid, [TINY_RANGE], first=None, until=until, refit_every=30)


@pytest.mark.parametrize(
    ("first", "until", "words"),
    [
        (None, LAST - timedelta(days=1), "no day to judge on at 2 days ahead; give an earlier one"),
        (None, LAST - timedelta(days=6), "no day to judge on at 7 days ahead"),
        (UNTIL - timedelta(days=3), UNTIL, "no day to choose by at 4 days ahead; give a later one"),
        (None, FIRST + timedelta(days=90), "No fit of the calendar before .* Choose a later --choose-until"),
    ],
)
def test_a_date_that_leaves_a_horizon_no_day_is_refused(
    grid: FeatureGrid, first: date | None, until: date, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        plan_stretches(grid, [TINY_RANGE], first=first, until=until, refit_every=30)


def test_the_last_day_but_one_may_judge_tomorrow_alone_and_says_that_it_is_one(grid: FeatureGrid) -> None:
    until = LAST - timedelta(days=1)
    stretches = plan_stretches(grid, [TINY_RANGE], first=None, until=until, refit_every=30, horizons=(1,))
    assert [one.known_days(1) for one in stretches] == [one.days for one in stretches]
    (sentence,) = few_days(*stretches, (1,))
    assert sentence.startswith("Only 1 day to judge on at 1 day ahead: ")


@pytest.mark.parametrize(("after", "before", "said"), [(36, 60, 0), (35, 60, 1), (36, 36, 0), (36, 35, 1)])
def test_fewer_than_thirty_days_are_told_to_be_few(
    grid: FeatureGrid, after: int, before: int, said: int
) -> None:
    """A day's outcome seven days ahead lies six days within the last of so many."""
    until = LAST - timedelta(days=after)
    choosing, judging = plan_stretches(
        grid, [TINY_RANGE], first=until - timedelta(days=before), until=until, refit_every=30
    )
    assert (choosing.known_days(7), judging.known_days(7)) == (before - 6, after - 6)
    assert len(few_days(choosing, judging, (1, 7))) == said


def test_the_days_to_choose_by_end_with_the_date_and_the_others_begin_there(grid: FeatureGrid) -> None:
    choosing, judging = plan_stretches(grid, [TINY_RANGE], first=None, until=UNTIL, refit_every=30)
    assert choosing.grid.last_day == UNTIL
    days = [day.date() for day in grid.table["date"]]
    chosen = {days[row] for span in choosing.spans for row in span.rows}
    judged = {days[row] for span in judging.spans for row in span.rows}
    assert max(chosen) == UNTIL - timedelta(days=1)
    assert (min(judged), max(judged)) == (UNTIL, LAST - timedelta(days=1))


def test_later_candles_change_no_score_to_choose_by() -> None:
    other = CANDLES.copy()
    later = other["date"].dt.date > UNTIL
    other.loc[later, ["open", "high", "low", "close"]] *= 3.0
    scores = []
    for candles in (CANDLES, other):
        choosing, judging = plan_stretches(
            FeatureGrid.of(daily_grid(candles)),
            [HAR_RANGE],
            first=date(2021, 9, 1),
            until=UNTIL,
            refit_every=60,
        )
        scores.append(
            [score_walk(one, HAR_RANGE, horizons=(1, 7), walk=_walk) for one in (choosing, judging)]
        )
    assert scores[0][0] == scores[1][0]
    assert scores[0][1] != scores[1][1]


def test_a_score_is_the_mean_pinball_loss_over_the_random_walks(grid: FeatureGrid) -> None:
    choosing, _ = plan_stretches(grid, [HAR_RANGE], first=date(2021, 11, 1), until=UNTIL, refit_every=60)
    cells = score_walk(choosing, HAR_RANGE, horizons=(1, 3), walk=_walk)
    rows = np.concatenate([span.rows for span in choosing.spans])
    own = np.concatenate([_walk(HAR_RANGE, choosing.grid, span).quantiles for span in choosing.spans])
    walk = random_walk_quantiles(choosing.grid.days, rows)
    closes = choosing.grid.table["close"].to_numpy()
    ratios = []
    for h in (1, 3):
        losses = [
            [_pinball(np.log(closes[row + h] / closes[row]), said[place, h - 1]) for said in (own, walk)]
            for place, row in enumerate(rows)
            if row + h < len(closes)
        ]
        assert cells[str(h)]["days"] == len(losses)
        ratios.append(sum(one for one, _ in losses) / sum(other for _, other in losses))
        assert cells[str(h)]["relative_wis"] == pytest.approx(ratios[-1])
    assert mean_relative_wis(cells) == pytest.approx(np.mean(ratios))


def test_a_day_that_the_longest_lookback_lacks_is_scored_for_none() -> None:
    hole = (CANDLES["date"].dt.date >= date(2021, 10, 1)) & (CANDLES["date"].dt.date <= date(2021, 10, 20))
    broken = FeatureGrid.of(daily_grid(CANDLES[~hole].reset_index(drop=True)))
    long = range_variation(TINY_RANGE, {"lookback": "60"})
    days = []
    for recipes in ([TINY_RANGE], [TINY_RANGE, long]):
        choosing, _ = plan_stretches(broken, recipes, first=date(2021, 9, 1), until=UNTIL, refit_every=60)
        days.append(score_walk(choosing, HAR_RANGE, horizons=(1,), walk=_walk)["1"]["days"])
    assert days[1] < days[0]


def _walk(recipe, grid, span):
    return walk_span(recipe, grid, span, seed=1)


def _pinball(outcome: float, quantiles: np.ndarray) -> float:
    levels = [0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99]
    return sum(
        max(level * (outcome - q), (level - 1) * (outcome - q))
        for level, q in zip(levels, quantiles, strict=True)
    )
