import math

import pytest
from pydantic import ValidationError

from pipeline.recipes.point import Fitting, PointRecipe
from pipeline.recipes.points import GUIDE_LSTM, POINT_RECIPES

OUTPUT = {"kind": "dense", "units": 1}
VALUES = {"name": "mine", "title": "mine", "window": 5, "layers": [{"kind": "lstm", "units": 4}, OUTPUT]}


@pytest.mark.parametrize(
    "change",
    [
        {"layers": [{"kind": "lstm", "units": 4}]},
        {"layers": [{"kind": "dense", "units": 2}]},
        {"layers": [OUTPUT, {"kind": "lstm", "units": 4}, OUTPUT]},
        {"layers": [{"kind": "transformer", "units": 4}, OUTPUT]},
        {"layers": []},
        {"columns": ["open"]},
        {"columns": ["close", "close"]},
        {"columns": ["close", "weather"]},
        {"window": 0},
        {"scaler": "robust"},
        {"fitting": {"learning_rate": 0}},
        {"fitting": {"learning_rate": math.inf}},
        {"fitting": {"clip_norm": math.inf}},
        {"fitting": {"optimizer": "lucky"}},
        {"fitting": {"clip_norm": 1, "clip_value": 1}},
        {"fitting": {"patience": 3}},
        {"split": {"train": 1.0}},
        {"speed": "fast"},
        {"name": "My Recipe"},
    ],
    ids=str,
)
def test_what_cannot_be_fitted_is_no_recipe(change: dict) -> None:
    with pytest.raises(ValidationError):
        PointRecipe.model_validate(VALUES | change)


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(ValidationError):
        GUIDE_LSTM.window = 3


def test_a_variation_is_checked_again_and_leaves_the_recipe_alone() -> None:
    varied = GUIDE_LSTM.varied(window=7, fitting={"optimizer": "sgd"})
    assert (varied.window, varied.fitting.optimizer, varied.fitting.batch) == (7, "sgd", 64)
    assert GUIDE_LSTM.window == 60
    with pytest.raises(ValidationError):
        GUIDE_LSTM.varied(window=0)


def test_fitting_stops_early_only_with_rows_to_watch() -> None:
    assert Fitting(patience=3, validation=0.1).patience == 3


def test_recipes_survive_json() -> None:
    for recipe in POINT_RECIPES:
        again = PointRecipe.model_validate(recipe.as_values())
        assert again == recipe
        assert again.digest == recipe.digest
