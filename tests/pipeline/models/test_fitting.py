"""Fit and issue: one interface for every recipe, no row after as_of, the same bytes twice."""

import math
from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.errors import DateError, InputError, TooLittleHistoryError
from pipeline.features.daily import build_features
from pipeline.features.day_axis import DayAxis
from pipeline.models.calibration import recalibrated
from pipeline.models.fitting import MINIMUM_DAYS, fit, issue
from pipeline.models.lstm.ensemble import with_random_walk
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.recipes import find_recipe
from pipeline.series import Series

SERIES = Series.parse("binance/BTCUSDT/1d")
AS_OF = date(2024, 3, 1)
BASELINES = ["random-walk", "har-range", "ewma-range"]
ALL = [*BASELINES, pytest.param("tiny-range", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", ALL)
def test_a_forecast_is_prices_around_the_last_close(name, simulated_grid):
    model = fit(find_recipe(name), simulated_grid, as_of=AS_OF, seed=1)
    forecast = issue(model, simulated_grid, series=SERIES, as_of=AS_OF)
    close = simulated_grid.loc[simulated_grid["date"] == np.datetime64(AS_OF), "close"].item()
    assert forecast.last_close == close
    assert forecast.model_id == model.model_id == f"coincast-{name.replace('-', '_')}"
    assert forecast.quantiles[:, 0].max() < close < forecast.quantiles[:, -1].min()
    widths = forecast.quantiles[:, -1] - forecast.quantiles[:, 0]
    assert widths[6] > widths[0]


@pytest.mark.parametrize("name", ALL)
def test_the_same_rows_and_seed_give_the_same_bytes_whatever_comes_later(name, simulated_grid):
    recipe = find_recipe(name)
    until = simulated_grid["date"] <= np.datetime64(AS_OF)
    garbage = simulated_grid.copy()
    garbage.loc[~until, ["open", "high", "low", "close", "volume_base"]] = 1.0
    issued = [
        issue(fit(recipe, grid, as_of=AS_OF, seed=1), grid, series=SERIES, as_of=AS_OF).quantiles
        for grid in (simulated_grid, simulated_grid[until], garbage)
    ]
    assert np.array_equal(issued[0], issued[1])
    assert np.array_equal(issued[0], issued[2])


@pytest.mark.parametrize("name", ALL)
def test_a_day_alone_has_the_bits_it_has_among_others_and_from_the_days_it_reads(name, broken_grid):
    model = fit(find_recipe(name), broken_grid, as_of=date(2023, 6, 1), seed=1)
    rows = np.arange(640, len(broken_grid))
    together = model.log_return_quantiles(broken_grid, rows)
    for row in (700, 820, len(broken_grid) - 1):
        alone = issue(model, broken_grid, series=SERIES, as_of=broken_grid["date"].iloc[row].date())
        day = broken_grid["date"].iloc[row]
        first = day - np.timedelta64(model.days_read(day.date()) - 1, "D")
        recent = broken_grid[broken_grid["date"] >= first]
        served = issue(model, recent, series=SERIES, as_of=alone.as_of)
        expected = alone.last_close * np.exp(together[row - 640])
        assert np.array_equal(alone.quantiles, expected)
        assert np.array_equal(served.quantiles, expected)


@pytest.mark.slow
def test_outcomes_since_the_fit_calibrate_like_those_before_it(simulated_grid):
    """A naive loop over the 180 days whose outcome is known, each forecast alone by the model as it is."""
    fit_day, today = date(2023, 6, 1), date(2023, 9, 1)
    model = fit(find_recipe("tiny-range"), simulated_grid, as_of=fit_day, seed=1)
    learned = model.learned_
    past = simulated_grid[simulated_grid["date"] <= np.datetime64(today)]
    days = DayAxis.of(past)
    features, place = build_features(days), days.place_of(today)
    recent = np.full((7, 180), np.nan)
    for horizon in range(1, 8):
        for back in range(180):
            then = place - horizon - back
            outcome = math.log(days.close[then + horizon] / days.close[then])
            if then + horizon > days.place_of(fit_day):
                said = learned.uncalibrated(days, features, np.array([then]))[0, horizon - 1, 17]
                recent[horizon - 1, 179 - back] = outcome / said
            elif (slot := then - days.place_of(fit_day) + 179) >= 0:
                recent[horizon - 1, 179 - back] = learned.recent_[slot, horizon - 1]
    own = recalibrated(learned.uncalibrated(days, features, np.array([place]))[0], recent)
    walk = random_walk_quantiles(days, np.array([place]))
    expected = with_random_walk(own[None], walk, start=learned.random_walk_from_)[0]
    assert np.isfinite(recent).sum() > 7 * 170
    assert model.log_return_quantiles(past, np.array([len(past) - 1]))[0] == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.slow
def test_a_network_reads_more_days_the_older_its_fit_is(simulated_grid):
    model = fit(find_recipe("tiny-range"), simulated_grid, as_of=AS_OF, seed=1)
    ages = [model.days_read(AS_OF + timedelta(days=age)) for age in (0, 23, 24, 180, 1000)]
    assert ages == [400, 400, 401, 557, 557]
    assert (
        fit(find_recipe("har-range"), simulated_grid, as_of=AS_OF, seed=1).days_read(date(2030, 1, 1)) == 400
    )


def test_the_random_walk_says_that_it_is_one(simulated_grid):
    model = fit(find_recipe("random-walk"), simulated_grid, as_of=AS_OF, seed=1)
    forecast = issue(model, simulated_grid, series=SERIES, as_of=AS_OF)
    assert forecast.random_walk_from == 1
    days = DayAxis.of(simulated_grid)
    expected = random_walk_quantiles(days, np.array([days.place_of(AS_OF)]))[0]
    assert np.array_equal(forecast.quantiles, forecast.last_close * np.exp(expected))


def test_days_after_a_long_hole_have_no_forecast_until_their_window_is_whole(broken_grid):
    model = fit(find_recipe("har-range"), broken_grid, as_of=date(2023, 6, 1), seed=1)
    quantiles = model.log_return_quantiles(broken_grid, np.array([599, 605, 700]))
    assert np.isfinite(quantiles[0]).all()
    assert np.isnan(quantiles[1]).all()
    assert np.isfinite(quantiles[2]).all()
    with pytest.raises(TooLittleHistoryError, match="too few days"):
        issue(model, broken_grid, series=SERIES, as_of=broken_grid["date"].iloc[605].date())


@pytest.mark.parametrize("name", ["random-walk", "har-range", "ewma-range", "range-lstm"])
def test_too_little_history_says_what_is_needed(name, simulated_grid):
    with pytest.raises(TooLittleHistoryError, match="needs 400 daily candles"):
        fit(find_recipe(name), simulated_grid.iloc[: MINIMUM_DAYS - 1], as_of=AS_OF, seed=1)


@pytest.mark.parametrize("name", ALL)
def test_the_minimum_is_enough(name, simulated_grid):
    grid = simulated_grid.iloc[:MINIMUM_DAYS]
    as_of = grid["date"].iloc[-1].date()
    model = fit(find_recipe(name), grid, as_of=as_of, seed=1)
    assert np.isfinite(issue(model, grid, series=SERIES, as_of=as_of).quantiles).all()


def test_a_day_without_a_candle_is_no_as_of(broken_grid):
    model = fit(find_recipe("random-walk"), broken_grid, as_of=AS_OF, seed=1)
    filled = broken_grid.loc[broken_grid["filled"], "date"].iloc[-1].date()
    for day in (filled, date(2030, 1, 1), date(2000, 1, 1)):
        with pytest.raises(DateError):
            issue(model, broken_grid, series=SERIES, as_of=day)


def test_a_recipe_that_forecasts_a_point_is_refused(simulated_grid):
    with pytest.raises(InputError, match="coincast train"):
        fit(find_recipe("guide-lstm"), simulated_grid, as_of=AS_OF, seed=1)


@pytest.mark.slow
def test_epochs_are_told_and_another_seed_is_another_fit(simulated_grid):
    recipe = find_recipe("tiny-range")
    told = []
    one = fit(recipe, simulated_grid, as_of=AS_OF, seed=1, on_epoch=lambda epoch, values: told.append(epoch))
    other = fit(recipe, simulated_grid, as_of=AS_OF, seed=2)
    assert told == list(range(1, recipe.epochs * recipe.members + 1))
    rows = np.array([800])
    assert not np.array_equal(
        one.log_return_quantiles(simulated_grid, rows), other.log_return_quantiles(simulated_grid, rows)
    )
