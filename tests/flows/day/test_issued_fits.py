"""Each model is issued once, whatever a run brings with it."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flows.day.issued_fits import RegisteredFit, once_each
from pipeline.forecasts.manifest import Manifest
from pipeline.models.catalogue import catalogue
from pipeline.models.fitting import Model
from pipeline.models.random_walk import RandomWalk
from pipeline.models.registry import BASELINES, issued_recipes

DAY = date(2026, 3, 29)
RANGED = [recipe for recipe in catalogue() if recipe.kind not in ("point", "peer")]
FITS = st.lists(st.sampled_from(RANGED).map(lambda recipe: fit_of(recipe)), max_size=9)


def fit_of(recipe: Any) -> RegisteredFit:
    manifest = Manifest(
        recipe=recipe.as_values(), seed=1, trained_as_of=DAY, series=("binance/BTCUSDT/1d",),
        snapshots=("a" * 64,), vintage="known", code="0.1.0", packages={},
    )  # fmt: skip
    return RegisteredFit(Model(recipe, DAY, 1, RandomWalk()), manifest, "-")


@given(FITS)
def test_the_first_fit_of_each_model_is_issued(fits: list[RegisteredFit]) -> None:
    issued = once_each(fits)
    names = [one.model.model_id for one in fits]
    assert [one.model.model_id for one in issued] == list(dict.fromkeys(names))
    assert all(one is fits[names.index(one.model.model_id)] for one in issued)
    assert once_each(issued) == issued


def test_a_day_is_forecast_by_the_baselines_and_by_the_recipe() -> None:
    baselines = list(BASELINES)
    for recipe in RANGED:
        expected = baselines if recipe in BASELINES else [*baselines, recipe]
        assert list(issued_recipes(recipe)) == expected
