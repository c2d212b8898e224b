"""Fit and issue, beside what test_contract.py holds every model to."""

import math
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DateError, InputError, TooLittleHistoryError
from pipeline.models.calibration import recalibrated
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit, issue
from pipeline.models.lstm.ensemble import with_random_walk
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.series import Series

SERIES = Series.parse("binance/BTCUSDT/1d")
AS_OF = date(2024, 3, 1)
ALL = ["random-walk", "har-range", "ewma-range", pytest.param("tiny-range", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", ALL)
def test_a_forecast_is_prices_around_the_last_close(name, simulated):
    model = fit(find_recipe(name), simulated, as_of=AS_OF, seed=1)
    forecast = issue(model, simulated, series=SERIES, as_of=AS_OF)
    close = simulated.table.loc[simulated.table["date"] == np.datetime64(AS_OF), "close"].item()
    assert forecast.last_close == close
    assert forecast.model_id == model.model_id == f"coincast-{name.replace('-', '_')}"
    assert forecast.quantiles[:, 0].max() < close < forecast.quantiles[:, -1].min()
    widths = forecast.quantiles[:, -1] - forecast.quantiles[:, 0]
    assert widths[6] > widths[0]


@pytest.mark.slow
def test_outcomes_since_the_fit_calibrate_like_those_before_it(simulated):
    """A naive loop over the 180 days whose outcome is known, each forecast alone by the model as it is."""
    fit_day, today = date(2023, 6, 1), date(2023, 9, 1)
    model = fit(find_recipe("tiny-range"), simulated, as_of=fit_day, seed=1)
    learned = model.learned_
    past = simulated.until(today)
    days, place = past.days, past.days.place_of(today)
    recent = np.full((7, 180), np.nan)
    for horizon in range(1, 8):
        for back in range(180):
            then = place - horizon - back
            outcome = math.log(days.close[then + horizon] / days.close[then])
            if then + horizon > days.place_of(fit_day):
                said = learned.uncalibrated(past, np.array([then]))[0, horizon - 1, 17]
                recent[horizon - 1, 179 - back] = outcome / said
            elif (slot := then - days.place_of(fit_day) + 179) >= 0:
                recent[horizon - 1, 179 - back] = learned.recent_[slot, horizon - 1]
    own = recalibrated(learned.uncalibrated(past, np.array([place]))[0], recent)
    walk = random_walk_quantiles(days, np.array([place]))
    expected = with_random_walk(own[None], walk, start=learned.random_walk_from_)[0]
    assert np.isfinite(recent).sum() > 7 * 170
    assert model.log_return_quantiles(past, np.array([len(past.table) - 1]))[0] == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.slow
def test_a_network_reads_more_days_the_older_its_fit_is(simulated):
    model = fit(find_recipe("tiny-range"), simulated, as_of=AS_OF, seed=1)
    ages = [model.days_read(AS_OF + timedelta(days=age)) for age in (0, 23, 24, 180, 1000)]
    assert ages == [400, 400, 401, 557, 557]
    assert fit(find_recipe("har-range"), simulated, as_of=AS_OF, seed=1).days_read(date(2030, 1, 1)) == 400


def test_days_after_a_long_hole_have_no_forecast_until_their_window_is_whole(broken):
    model = fit(find_recipe("har-range"), broken, as_of=date(2023, 6, 1), seed=1)
    quantiles = model.log_return_quantiles(broken, np.array([599, 605, 700]))
    assert np.isfinite(quantiles[0]).all()
    assert np.isnan(quantiles[1]).all()
    assert np.isfinite(quantiles[2]).all()
    with pytest.raises(TooLittleHistoryError, match="too few days") as refused:
        issue(model, broken, series=SERIES, as_of=broken.table["date"].iloc[605].date())
    dates = broken.table["date"]
    after = dates[dates.diff() > pd.Timedelta(days=1)].iloc[-1]
    assert f"hole ends with {after - pd.Timedelta(days=1):%Y-%m-%d}." in str(refused.value)


def test_a_day_without_a_candle_is_no_as_of(broken):
    model = fit(find_recipe("random-walk"), broken, as_of=AS_OF, seed=1)
    filled = broken.table.loc[broken.table["filled"], "date"].iloc[-1].date()
    for day in (filled, date(2030, 1, 1), date(2000, 1, 1)):
        with pytest.raises(DateError):
            issue(model, broken, series=SERIES, as_of=day)


def test_a_recipe_that_forecasts_a_point_is_refused(simulated):
    with pytest.raises(InputError, match="coincast train"):
        fit(find_recipe("guide-lstm"), simulated, as_of=AS_OF, seed=1)


@pytest.mark.slow
def test_epochs_are_told_and_another_seed_is_another_fit(simulated):
    recipe = find_recipe("tiny-range")
    told = []
    one = fit(recipe, simulated, as_of=AS_OF, seed=1, on_epoch=lambda epoch, values: told.append(epoch))
    other = fit(recipe, simulated, as_of=AS_OF, seed=2)
    assert told == list(range(1, recipe.epochs * recipe.members + 1))
    rows = np.array([800])
    assert not np.array_equal(
        one.log_return_quantiles(simulated, rows), other.log_return_quantiles(simulated, rows)
    )
