import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, mean_squared_error

from pipeline.point.framing import Framing, frame
from pipeline.point.scores import score_points, score_random_walk
from pipeline.recipes.point import Dense, PointRecipe
from pipeline.scores.formulas import direction_hits
from pipeline.windows.splits import Split


@pytest.fixture
def framing() -> Framing:
    chance = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.03, 120)))
    days = pd.date_range("2021-01-01", periods=120, unit="us")
    recipe = PointRecipe(
        name="any", title="any", window=4, layers=(Dense(kind="dense", units=1),), split=Split(train=0.7)
    )
    return frame(recipe, pd.DataFrame({"date": days, "close": close}))


def test_scores_agree_with_scikit_learn(framing: Framing) -> None:
    predicted = framing.targets + np.random.default_rng(1).normal(0, 0.1, len(framing.targets))
    scores = score_points(framing, predicted)
    test = framing.parts.test
    actual, guess = framing.closes[test], framing.scaling.undo(predicted[test], column=0)
    assert scores["test_mse_scaled"] == pytest.approx(
        mean_squared_error(framing.targets[test], predicted[test])
    )
    assert scores["test_mape_scaled_pct"] == pytest.approx(
        100 * mean_absolute_percentage_error(framing.targets[test], predicted[test])
    )
    assert scores["test_mse_price"] == pytest.approx(mean_squared_error(actual, guess))
    assert scores["test_rmse_price"] == pytest.approx(math.sqrt(mean_squared_error(actual, guess)))
    assert scores["test_mae_price"] == pytest.approx(mean_absolute_error(actual, guess))
    assert scores["test_mape_price_pct"] == pytest.approx(100 * mean_absolute_percentage_error(actual, guess))


def test_mase_and_skill_are_those_of_a_loop(framing: Framing) -> None:
    scores = score_random_walk(framing)
    test = range(framing.parts.test.start, framing.parts.test.stop)
    rows = [*framing.scaling.undo(framing.inputs[0])[:, 0], *framing.closes[: framing.parts.test.start]]
    steps = [abs(after - before) for before, after in pairwise(rows)]
    errors = [abs(framing.closes[i] - framing.last_closes[i]) for i in test]
    assert scores["test_mase"] == pytest.approx((sum(errors) / len(errors)) / (sum(steps) / len(steps)))
    assert scores["skill_vs_random_walk"] == 0
    worse = framing.random_walk(slice(None)) + 1
    squared = sum((framing.to_price(worse, slice(None))[i] - framing.closes[i]) ** 2 for i in test)
    walk = sum((framing.last_closes[i] - framing.closes[i]) ** 2 for i in test)
    assert score_points(framing, worse)["skill_vs_random_walk"] == pytest.approx(1 - squared / walk)


def test_the_random_walk_has_no_direction(framing: Framing) -> None:
    assert "test_direction_pct" not in score_random_walk(framing)
    assert "test_direction_pct" in score_points(framing, framing.targets)


def test_direction_counts_days_that_moved() -> None:
    last = np.array([1.0, 1.0, 1.0, 1.0])
    actual = np.array([2.0, 0.5, 1.0, 3.0])
    assert direction_hits(actual, np.array([1.1, 1.1, 9.0, 1.0]), last) == pytest.approx(1 / 3)
    assert math.isnan(direction_hits(last, actual, last))


def test_a_perfect_forecast(framing: Framing) -> None:
    scores = score_points(framing, framing.targets)
    assert scores["test_mse_scaled"] == pytest.approx(0)
    assert scores["skill_vs_random_walk"] == pytest.approx(1)
    assert scores["test_direction_pct"] == 100
