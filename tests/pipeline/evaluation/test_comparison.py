from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.candles import daily_grid
from pipeline.errors import TimeLimitError, TooLittleHistoryError
from pipeline.evaluation.comparison import RANDOM_WALK, random_walk_of, ranges_of, setting_of
from pipeline.evaluation.holdout import require_days
from pipeline.evaluation.leaderboard import rank
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.catalogue import find_recipe
from pipeline.point.framing import AS_WRITTEN, frame
from pipeline.recipes.points import ARTICLE_LSTM, GUIDE_LSTM
from pipeline.simulation import simulate_candles


@pytest.fixture(scope="module")
def grid() -> pd.DataFrame:
    return daily_grid(simulate_candles(seed=2, first=date(2021, 1, 1), last=date(2022, 12, 31), price=100.0))


def test_the_random_walk_predicts_the_last_close(grid: pd.DataFrame) -> None:
    walk = random_walk_of(frame(GUIDE_LSTM, grid))
    closes = grid.set_index("date")["close"]
    day_before = walk.table["date"].to_numpy() - np.timedelta64(1, "D")
    np.testing.assert_array_equal(walk.table["predicted"], closes[day_before])
    assert walk.label == RANDOM_WALK
    assert len(walk.test) == frame(GUIDE_LSTM, grid).parts.n_test
    assert walk.metrics["skill_vs_random_walk"] == 0


def test_a_setting_says_days_windows_and_units(grid: pd.DataFrame) -> None:
    assert setting_of(frame(GUIDE_LSTM, grid)) == (
        "134 test days 2022-08-20 to 2022-12-31, 536 training windows of 60, min-max-scaled closes by training rows"
    )
    assert setting_of(frame(ARTICLE_LSTM, grid, variant=AS_WRITTEN)) == (
        "139 test days 2021-01-01 to 2021-05-19, 584 training windows of 7, standard-scaled closes by all rows"
    )


def test_settings_differ_where_scores_cannot_be_compared(grid: pd.DataFrame) -> None:
    recipes = (GUIDE_LSTM, GUIDE_LSTM.varied(window=7), GUIDE_LSTM.varied(scaler="standard"))
    assert len({setting_of(frame(recipe, grid)) for recipe in recipes}) == 3


def test_a_range_recipe_is_refused_before_a_fit_where_its_fit_would_be(grid: pd.DataFrame) -> None:
    recipe = find_recipe("har-range")
    # Of 490 days the newest 90 are the test and the 400 before them are enough: with one day fewer they are not.
    require_days(grid.iloc[:490])
    judged, _ = ranges_of(recipe, FeatureGrid.of(grid.iloc[:490]), seed=1)
    assert judged.metrics["test_days"] == 90
    with pytest.raises(TooLittleHistoryError, match="490 daily candles"):
        require_days(grid.iloc[:489])
    with pytest.raises(TooLittleHistoryError, match="490 daily candles"):
        ranges_of(recipe, FeatureGrid.of(grid.iloc[:489]), seed=1)


@pytest.mark.slow
def test_a_range_recipe_keeps_to_its_time_limit(grid: pd.DataFrame) -> None:
    with pytest.raises(TimeLimitError, match="ran past its limit"):
        ranges_of(find_recipe("tiny-range"), FeatureGrid.of(grid), seed=1, time_limit_s=1e-6)


def test_a_range_recipe_is_compared_by_its_median(grid: pd.DataFrame) -> None:
    outcome, walk = ranges_of(find_recipe("har-range"), FeatureGrid.of(grid), seed=1)
    assert outcome.seed is None
    assert outcome.setting == walk.setting
    assert len(outcome.test) == 729 // 5
    squared = (outcome.test["predicted"] - outcome.test["actual"]) ** 2
    baseline = (walk.test["predicted"] - walk.test["actual"]) ** 2
    assert outcome.metrics["skill_vs_random_walk"] == pytest.approx(1 - squared.mean() / baseline.mean())
    assert {standing.recipe for standing in rank([outcome, walk])} == {"har-range", RANDOM_WALK}
