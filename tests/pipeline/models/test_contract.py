"""The contract of a fitted model, held against every model of the registry: a new one is checked by its line there."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from pipeline.backfill.holes import days_after_holes
from pipeline.candles import daily_grid
from pipeline.candles.columns import DATE, FILLED
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation.leak import check_leaks, recipe_forecaster
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts import columns
from pipeline.models.bundle import load_bundle, save_bundle
from pipeline.models.fitting import MINIMUM_DAYS, Model, fit, issue
from pipeline.models.random_walk import RANDOM_WALK, random_walk_quantiles
from pipeline.models.registry import BASELINES, RANGE_RECIPES, is_seeded, range_recipe
from pipeline.models.regression import HAR_RANGE
from pipeline.models.serving import INPUT_COLUMNS, QUANTILE_COLUMNS, serve
from pipeline.recipes.base import Recipe
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

SERIES: Final = Series.parse("binance/BTCUSDT/1d")
FIRST, LAST = date(2022, 1, 1), date(2024, 6, 30)
# A hole that is filled before the fit's last day and up to it, and one after it that is too long to fill.
FILLED_DAYS: Final = range(510, 517)
LONG_HOLE: Final = range(600, 630)
FIT_DAY: Final = FIRST + timedelta(days=FILLED_DAYS[-1])
# Of the recipes that one class fits, the last: `tiny-range` for the network's. What has a seed needs Keras.
PARAMETERS: Final = [
    pytest.param(recipe, id=recipe.name, marks=[pytest.mark.slow] if is_seeded(recipe) else [])
    for recipe in {recipe.rule: recipe for recipe in RANGE_RECIPES}.values()
]


@pytest.fixture(scope="module", params=PARAMETERS)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    asked: Recipe = request.param
    return asked


@pytest.fixture(scope="module")
def candles() -> pd.DataFrame:
    whole = simulate_candles(seed=11, first=FIRST, last=LAST, price=20_000.0)
    return whole.drop(index=[*FILLED_DAYS, *LONG_HOLE]).reset_index(drop=True)


@pytest.fixture(scope="module")
def grid(candles: pd.DataFrame) -> FeatureGrid:
    return FeatureGrid.of(daily_grid(candles))


@pytest.fixture(scope="module")
def model(recipe: Recipe, grid: FeatureGrid) -> Model:
    """Fitted on a filled day, a year before the last."""
    return fit(recipe, grid, as_of=FIT_DAY, seed=3)


@pytest.fixture(scope="module")
def settled(candles: pd.DataFrame, recipe: Recipe, grid: FeatureGrid) -> np.ndarray:
    """Rows with a candle and enough before them, by the calendar alone: those that a backfill plans."""
    numbers = grid.days.number[grid.days.place]
    refused = days_after_holes(numbers[~grid.table[FILLED]].tolist(), lookback=recipe.window_days)
    known = ~grid.table[FILLED].to_numpy() & ~np.isin(numbers, sorted(refused))
    return np.flatnonzero(known & (grid.days.place >= MINIMUM_DAYS))


@pytest.fixture(scope="module")
def sampled(settled: np.ndarray) -> np.ndarray:
    """Some of them, for what is compared several times."""
    return settled[::9]


def test_no_bit_depends_on_what_comes_after_as_of(recipe: Recipe, candles: pd.DataFrame) -> None:
    """Fitted and issued from all rows, from garbage after as_of, from nothing after it, and from cut bytes."""
    data = wire_format(candles, SERIES)
    forecaster = recipe_forecaster(recipe, series=SERIES, seed=1)
    report = check_leaks(forecaster, candles, [FIT_DAY + timedelta(days=2)], seed=1, data=data)
    assert report.leaks == ()
    assert report.comparisons == 3


def test_quantiles_have_their_shape_never_cross_and_are_there_for_every_planned_day(
    model: Model, grid: FeatureGrid, settled: np.ndarray
) -> None:
    quantiles = model.log_return_quantiles(grid, settled)
    assert quantiles.shape == (len(settled), 7, 23)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert (quantiles[:, :, 0] < quantiles[:, :, -1]).all()


def test_too_little_history_is_no_number_and_no_fit(model: Model, recipe: Recipe, grid: FeatureGrid) -> None:
    assert np.isnan(model.log_return_quantiles(grid, np.array([0, 5, 20]))).all()
    with pytest.raises(TooLittleHistoryError, match=f"needs {MINIMUM_DAYS} daily candles"):
        fit(recipe, grid.until(FIRST + timedelta(days=MINIMUM_DAYS - 2)), as_of=FIT_DAY, seed=1)


def test_the_least_history_is_enough(recipe: Recipe, grid: FeatureGrid) -> None:
    as_of = FIRST + timedelta(days=MINIMUM_DAYS - 1)
    least = fit(recipe, grid, as_of=as_of, seed=1)
    assert np.isfinite(issue(least, grid, series=SERIES, as_of=as_of).quantiles).all()


def test_a_day_has_its_bits_alone_and_from_the_days_that_the_model_says_it_reads(
    model: Model, grid: FeatureGrid, settled: np.ndarray
) -> None:
    """On the fit's next day and long after it, before and after a hole."""
    together = model.log_return_quantiles(grid, settled)
    for place in np.flatnonzero(settled > FILLED_DAYS[-1])[[0, 40, 100, -1]]:
        day = grid.table[DATE].iloc[settled[place]]
        first = day - timedelta(days=model.days_read(day.date()) - 1)
        recent = FeatureGrid.of(grid.table[grid.table[DATE] >= first].reset_index(drop=True))
        expected = grid.table["close"].iloc[settled[place]] * np.exp(together[place])
        for known in (grid, recent):
            said = issue(model, known, series=SERIES, as_of=day.date())
            assert np.array_equal(said.quantiles, expected)


def test_a_bundle_gives_the_model_back_bit_for_bit(
    model: Model, grid: FeatureGrid, sampled: np.ndarray, tmp_path: Path
) -> None:
    save_bundle(model, tmp_path / "first")
    again = load_bundle(tmp_path / "first")
    assert (again.recipe, again.trained_as_of, again.seed) == (model.recipe, model.trained_as_of, model.seed)
    assert again.random_walk_from == model.random_walk_from
    assert again.days_read(LAST) == model.days_read(LAST)
    assert np.array_equal(
        again.log_return_quantiles(grid, sampled), model.log_return_quantiles(grid, sampled)
    )
    save_bundle(again, tmp_path / "second")
    written = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()} == written


@pytest.mark.parametrize("given_up", [None, 3])
def test_horizons_that_are_given_up_are_the_random_walk_s(
    model: Model, grid: FeatureGrid, sampled: np.ndarray, tmp_path: Path, given_up: int | None
) -> None:
    """As fitted, and as a fit would be that gave up three horizons, where the model gives up any."""
    save_bundle(model, tmp_path)
    facts = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(
        json.dumps(facts | ({"random_walk_from": given_up} if given_up else {}))
    )
    loaded = load_bundle(tmp_path)
    start = loaded.random_walk_from or 8
    found = loaded.log_return_quantiles(grid, sampled)
    walk = random_walk_quantiles(grid.days, grid.days.place[sampled])
    assert np.array_equal(found[:, start - 1 :], walk[:, start - 1 :])
    assert not (found[:, : start - 1] == walk[:, : start - 1]).all(axis=(0, 2)).any()


def test_what_is_served_is_what_is_issued(model: Model, candles: pd.DataFrame, grid: FeatureGrid) -> None:
    """From exactly the days that the model reads, on the fit's next day and a year later."""
    rows = candles.rename(columns={"volume_base": "volume"})[list(INPUT_COLUMNS)]
    lost = frozenset(FIRST + timedelta(days=day) for day in (*FILLED_DAYS, *LONG_HOLE))
    for as_of in (FIT_DAY + timedelta(days=1), LAST):
        oldest = pd.Timestamp(as_of - timedelta(days=model.days_read(as_of) - 1))
        sent = rows[(rows[DATE] >= oldest) & (rows[DATE] <= pd.Timestamp(as_of))]
        if sent[DATE].iloc[0] != oldest:
            sent = rows[rows[DATE] <= pd.Timestamp(as_of)]
        posted = sent.assign(date=sent[DATE].dt.strftime("%Y-%m-%d"))
        served = serve(model, posted, series=SERIES, missing=lost)
        issued = issue(model, grid, series=SERIES, as_of=as_of)
        assert np.array_equal(served[list(QUANTILE_COLUMNS)].to_numpy(), issued.quantiles)


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_fit_where_it_is_declared(
    model: Model, recipe: Recipe, grid: FeatureGrid, sampled: np.ndarray
) -> None:
    def said(one: Model) -> Any:
        return one.log_return_quantiles(grid, sampled)

    assert np.array_equal(said(fit(recipe, grid, as_of=FIT_DAY, seed=3)), said(model))
    other = fit(recipe, grid, as_of=FIT_DAY, seed=4)
    assert np.array_equal(said(other), said(model)) != is_seeded(recipe)


def test_the_recipe_is_found_again_from_what_a_manifest_keeps(recipe: Recipe) -> None:
    assert range_recipe(json.loads(json.dumps(recipe.as_values()))) == recipe


def test_the_baselines_hold_the_two_that_the_gate_compares_with() -> None:
    assert RANDOM_WALK in BASELINES
    assert HAR_RANGE in BASELINES
    assert RANDOM_WALK.model_id == columns.RANDOM_WALK
    assert len({recipe.model_id for recipe in RANGE_RECIPES}) == len(RANGE_RECIPES)
