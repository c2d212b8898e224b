"""Regressions of the range, against scikit-learn and a market whose deviation is known."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from pipeline.features.day_axis import day_date
from pipeline.features.volatility import log_range_ahead
from pipeline.forecasts.quantiles import LEVELS
from pipeline.models.regression import AnchoredHar, HarRange, ewma_log_deviation, linear


def test_har_is_least_squares_on_day_week_month_and_weekday(simulated):
    days, features = simulated.days, simulated.features
    last = 700
    model = HarRange.learn(simulated.until(day_date(int(days.number[last]))))
    columns = np.column_stack(
        [features.averages[:, :3], *(features.next_weekday == day for day in range(1, 7))]
    )
    for horizon in (1, 7):
        target = log_range_ahead(days, features.log_range)[:, horizon - 1]
        rows = np.isfinite(columns).all(axis=1) & np.isfinite(target)
        rows[last - horizon + 1 :] = False
        oracle = LinearRegression().fit(columns[rows], target[rows])
        assert model.coefficients_[horizon - 1, 0] == pytest.approx(oracle.intercept_)
        assert model.coefficients_[horizon - 1, 1:] == pytest.approx(oracle.coef_)
        scaled = days.log_returns_ahead(horizon)[rows] / np.exp(oracle.predict(columns[rows]))
        assert model.shape_[horizon - 1] == pytest.approx(np.quantile(scaled, LEVELS))


def test_the_exponential_average_is_that_of_a_naive_loop(simulated):
    days = simulated.days
    found = ewma_log_deviation(days)
    spread, body = np.log(days.high / days.low), np.log(days.close / days.open)
    variance = 0.5 * spread**2 - (2 * np.log(2) - 1) * body**2
    weights = 0.94 ** np.arange(250)
    expected = 0.5 * np.log((weights * variance[400:150:-1]).sum() / weights.sum())
    assert found[400] == pytest.approx(expected)
    assert np.isnan(found[:249]).all()
    assert np.isfinite(found[249:]).all()


def test_anchored_har_is_symmetric_about_the_last_close(simulated):
    shape = AnchoredHar.learn(simulated).shape_
    assert shape == pytest.approx(-shape[:, ::-1])


def test_linear_is_the_matrix_product():
    chance = np.random.default_rng(1)
    regressors, coefficients = chance.normal(size=(9, 4)), chance.normal(size=4)
    assert linear(regressors, coefficients) == pytest.approx(regressors @ coefficients)
