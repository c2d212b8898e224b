"""A fit judged on days it did not see, against naive loops and scikit-learn."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error, mean_squared_error

from pipeline.candles.grid import daily_grid
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation.holdout import evaluate
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit, issue
from pipeline.series import Series

AS_OF = date(2024, 5, 31)
SERIES = Series.parse("binance/BTCUSDT/1d")


@pytest.fixture(scope="module")
def judged(simulated):
    return evaluate(find_recipe("har-range"), simulated, as_of=AS_OF, seed=1)


def test_the_test_days_are_the_newest_90_and_unseen(judged):
    assert judged.model.trained_as_of == AS_OF - timedelta(days=90)
    assert judged.table["date"].dt.date.tolist() == [
        AS_OF - timedelta(days=back) for back in range(89, -1, -1)
    ]


def test_each_row_is_the_forecast_of_the_day_before(judged, simulated):
    model = fit(find_recipe("har-range"), simulated, as_of=judged.model.trained_as_of, seed=1)
    row = judged.table.iloc[40]
    forecast = issue(model, simulated, series=SERIES, as_of=row["date"].date() - timedelta(days=1))
    assert row["predicted"] == forecast.median[0]
    assert row["random_walk"] == forecast.last_close
    assert row["lower_80"] < row["predicted"] < row["upper_80"]


def test_metrics_are_those_of_scikit_learn_and_scaled_by_training_rows_only(judged, simulated_grid):
    table, metrics = judged.table, judged.metrics
    training = simulated_grid.loc[
        simulated_grid["date"] <= np.datetime64(judged.model.trained_as_of), "close"
    ]
    for name, prefix in (("predicted", ""), ("random_walk", "random_walk_")):
        actual, predicted = table["actual"], table[name]
        scale = lambda prices: (prices - training.mean()) / training.std(ddof=0)  # noqa: E731
        expected = {
            "test_mse_price": mean_squared_error(actual, predicted),
            "test_mape_price_pct": 100 * mean_absolute_percentage_error(actual, predicted),
            "test_mse_scaled": mean_squared_error(scale(actual), scale(predicted)),
            "test_mape_scaled_pct": 100 * mean_absolute_percentage_error(scale(actual), scale(predicted)),
            "test_mase": (actual - predicted).abs().mean() / training.diff().abs().mean(),
        }
        for metric, value in expected.items():
            assert metrics[prefix + metric] == pytest.approx(value), prefix + metric
    assert metrics["skill_vs_random_walk"] == pytest.approx(
        1 - metrics["test_mse_price"] / metrics["random_walk_test_mse_price"]
    )
    inside = ((table["actual"] >= table["lower_80"]) & (table["actual"] <= table["upper_80"])).mean()
    assert metrics["test_coverage_80_pct"] == pytest.approx(100 * inside)
    assert all(np.isfinite(value) for value in metrics.values())


def test_the_random_walk_against_itself_has_no_skill(simulated):
    judged = evaluate(find_recipe("random-walk"), simulated, as_of=AS_OF, seed=1)
    assert judged.metrics["test_relative_wis"] == pytest.approx(1)
    assert judged.history == {}


def test_days_that_stood_still_have_no_direction(simulated_grid):
    still = simulated_grid.copy()
    rows = still.index[still["date"] <= np.datetime64(AS_OF)][-40:-30]
    still.loc[rows, "close"] = still.loc[rows[0] - 1, "close"]
    judged = evaluate(find_recipe("har-range"), FeatureGrid.of(still), as_of=AS_OF, seed=1)
    hits = [
        (row.predicted > row.random_walk) == (row.actual > row.random_walk)
        for row in judged.table.itertuples()
        if row.actual != row.random_walk
    ]
    assert len(hits) == 80
    assert judged.metrics["test_direction_pct"] == pytest.approx(100 * sum(hits) / len(hits))
    assert "random_walk_test_direction_pct" not in judged.metrics


def test_one_day_persistence_does_not_cross_a_long_hole(broken_grid, broken):
    judged = evaluate(find_recipe("har-range"), broken, as_of=AS_OF, seed=1)
    rows = list(broken_grid[broken_grid["date"] <= np.datetime64(judged.model.trained_as_of)].itertuples())
    assert rows[-1].segment == 1
    changes = [
        abs(after.close - before.close)
        for before, after in pairwise(rows)
        if before.segment == after.segment and not after.filled
    ]
    errors = (judged.table["actual"] - judged.table["predicted"]).abs()
    assert judged.metrics["test_mase"] == pytest.approx(errors.mean() / np.mean(changes))


def test_rows_after_as_of_change_nothing(judged, simulated_grid):
    cut = simulated_grid[simulated_grid["date"] <= np.datetime64(AS_OF)]
    again = evaluate(find_recipe("har-range"), FeatureGrid.of(cut), as_of=AS_OF, seed=1)
    assert again.metrics == judged.metrics
    assert again.table.equals(judged.table)


def test_missing_days_are_not_judged(broken_grid, broken):
    judged = evaluate(find_recipe("har-range"), broken, as_of=date(2023, 10, 31), seed=1)
    assert not set(judged.table["date"]) & set(broken_grid.loc[broken_grid["filled"], "date"])
    assert 0 < len(judged.table) < 90


def test_too_little_history_for_fit_and_test_days_is_said(simulated_grid):
    with pytest.raises(TooLittleHistoryError):
        evaluate(
            find_recipe("har-range"),
            FeatureGrid.of(simulated_grid.iloc[:450]),
            as_of=date(2023, 3, 26),
            seed=1,
        )


@pytest.mark.slow
def test_a_network_has_a_loss_curve_in_training_and_on_the_test_days(simulated):
    told = []
    judged = evaluate(
        find_recipe("tiny-range"),
        simulated,
        as_of=AS_OF,
        seed=1,
        on_epoch=lambda *epoch: told.append(epoch),
    )
    assert set(judged.history) == {"loss", "val_loss"}
    assert len(judged.history["loss"]) == len(judged.history["val_loss"]) == len(told)


def test_days_that_the_fit_cannot_forecast_count_for_neither(simulated_grid):
    """A hole of twenty days: for weeks after it the fit is silent on days that the random walk forecasts."""
    day = simulated_grid["date"].dt.date
    lost = (day > date(2024, 3, 31)) & (day <= date(2024, 4, 20))
    broken = daily_grid(simulated_grid[~lost].drop(columns=["filled", "segment"]).reset_index(drop=True))
    judged = evaluate(find_recipe("har-range"), FeatureGrid.of(broken), as_of=AS_OF, seed=1)
    both = judged.table.dropna()
    assert 0 < len(both) < len(judged.table)
    squared = {
        name: float(((both[name] - both["actual"]) ** 2).mean()) for name in ("predicted", "random_walk")
    }
    inside = (both["actual"] >= both["lower_80"]) & (both["actual"] <= both["upper_80"])
    moved = both[both["actual"] != both["random_walk"]]
    hits = (moved["predicted"] > moved["random_walk"]) == (moved["actual"] > moved["random_walk"])
    assert judged.metrics["random_walk_test_mse_price"] == pytest.approx(squared["random_walk"])
    assert judged.metrics["skill_vs_random_walk"] == pytest.approx(
        1 - squared["predicted"] / squared["random_walk"]
    )
    assert judged.metrics["test_coverage_80_pct"] == pytest.approx(100 * inside.mean())
    assert judged.metrics["test_direction_pct"] == pytest.approx(100 * hits.mean())
    assert judged.metrics["test_days"] == len(both)
    assert judged.days_in_words == f"{len(both)} of the last {len(judged.table)} days"
