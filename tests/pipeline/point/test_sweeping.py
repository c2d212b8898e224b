from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.point.framing import frame
from pipeline.point.sweeping import Tried, best, cut_of, next_settings, validation_scores
from pipeline.point.variation import Settings, grid
from pipeline.recipes.point import Dense, PointRecipe
from pipeline.windows.splits import Split

VARY = {"window": ("3", "7", "14"), "optimizer": ("adam", "sgd")}
RECIPE = PointRecipe(
    name="any", title="any", window=3, layers=(Dense(kind="dense", units=1),), split=Split(train=0.8)
)


def score(settings: Settings) -> float:
    return -abs(int(settings["window"]) - 7) - (settings["optimizer"] == "sgd")


def sweep(sampler: str, *, seed: int = 1, stop: int = 99, begin: tuple[Tried, ...] = ()) -> tuple[Tried, ...]:
    tried = begin
    while len(tried) < stop:
        settings = next_settings(VARY, tried, sampler=sampler, seed=seed)
        if settings is None:
            break
        tried = (*tried, Tried(settings, score(settings)))
    return tried


def test_the_grid_is_tried_in_order_and_then_ends() -> None:
    assert [trial.settings for trial in sweep("grid")] == list(grid(VARY))


@pytest.mark.slow
def test_the_sampler_tries_everything_once_and_goes_on_where_it_was_interrupted() -> None:
    whole = sweep("tpe")
    assert sorted(map(str, (trial.settings for trial in whole))) == sorted(map(str, grid(VARY)))
    assert sweep("tpe", begin=sweep("tpe", stop=3)) == whole
    assert sweep("tpe", seed=2) != whole


@pytest.mark.slow
def test_the_sampler_goes_on_after_a_failed_fit() -> None:
    failed = Tried({"window": "3", "optimizer": "adam"}, None)
    assert next_settings(VARY, (failed,), sampler="tpe", seed=1) != failed.settings


def test_the_best_is_the_highest_that_did_not_fail() -> None:
    assert best(sweep("grid")) == Tried({"window": "7", "optimizer": "adam"}, 0.0)
    assert best([Tried({"window": "3"}, None)]) is None


def test_validation_is_the_newest_of_training_and_the_test_days_stay_where_they_were() -> None:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.02, 203)))
    candles = pd.DataFrame({"date": pd.date_range("2021-01-01", periods=203, unit="us"), "close": close})
    whole = frame(RECIPE, candles)
    cut = cut_of(whole, validation=0.25)
    varied = frame(RECIPE.varied(window=14), candles, cut=cut)
    assert cut.test == whole.dates[160].astype(object) == date(2021, 6, 13)
    assert varied.parts.n_validation == 40
    assert varied.dates[varied.parts.test.start] == np.datetime64(cut.test)
    walk = validation_scores(varied, varied.random_walk(slice(None)))
    assert walk["validation_skill_vs_random_walk"] == pytest.approx(0, abs=1e-9)
    days = slice(varied.parts.validation.start, varied.parts.validation.stop)
    squared = ((varied.closes[days] - varied.last_closes[days]) ** 2).mean()
    assert walk["validation_mse_price"] == pytest.approx(squared)
