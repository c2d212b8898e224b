"""A fitted model as files without pickles: facts as JSON, numbers as .npz, networks in Keras's formats."""

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.errors import RegistryError
from pipeline.features.day_axis import day_number
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.fitting import Learned, Model
from pipeline.models.lstm.ensemble import LearnedRange
from pipeline.models.lstm.files import read_networks, write_networks
from pipeline.models.lstm.fitting import BASE_METHOD
from pipeline.models.random_walk import RandomWalk
from pipeline.models.regression import ScaledRange
from pipeline.recipes.base import Recipe
from pipeline.recipes.ranges import BaselineRecipe, RangeRecipe

FORMAT: Final = 2
_FACTS: Final = "model.json"
_ARRAYS: Final = "arrays.npz"
_RECIPES: Final[dict[str, type[Recipe]]] = {"range": RangeRecipe, "baseline": BaselineRecipe}


def save_bundle(model: Model, folder: Path) -> None:
    """Write `model` into `folder`, which is made if need be; `load_bundle` gives it back bit for bit."""
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "recipe": model.recipe.as_values(),
        "trained_as_of": model.trained_as_of.isoformat(),
        "seed": model.seed,
        "random_walk_from": model.random_walk_from,
    }
    arrays: dict[str, Any] = {**_arrays(model.learned_)}
    np.savez(folder / _ARRAYS, **arrays)
    if isinstance(model.recipe, RangeRecipe) and isinstance(model.learned_, LearnedRange):
        write_networks(model.recipe, model.learned_.members_, folder)
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / _FACTS).write_text(text + "\n", encoding="utf-8")


def load_bundle(folder: Path) -> Model:
    """The model that `save_bundle` wrote; needs no TensorFlow.

    Raises:
        RegistryError: The folder holds no bundle, or one of another format.
    """
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if facts["format"] != FORMAT:
            raise RegistryError(f"{folder.name} is a bundle of format {facts['format']}, expected {FORMAT}.")
        recipe = _RECIPES[facts["recipe"]["kind"]].model_validate(facts["recipe"])
        trained_as_of = date.fromisoformat(facts["trained_as_of"])
        learned = _learned(
            recipe,
            arrays,
            folder,
            fitted_on=day_number(trained_as_of),
            random_walk_from=facts["random_walk_from"],
        )
    except (OSError, KeyError, ValueError) as error:
        raise RegistryError(
            f"{folder.name} is not a whole model bundle ({error}); fit the model again."
        ) from error
    return Model(recipe, trained_as_of, facts["seed"], learned)


def _arrays(learned: Learned) -> dict[str, FloatArray]:
    if isinstance(learned, ScaledRange):
        return {"coefficients": learned.coefficients_, "shape": learned.shape_}
    if isinstance(learned, LearnedRange):
        return {
            **_arrays(learned.base_),
            "centre": learned.centre_,
            "spread": learned.spread_,
            "recent": learned.recent_,
        }
    return {}


def _learned(
    recipe: Recipe,
    arrays: dict[str, FloatArray],
    folder: Path,
    *,
    fitted_on: int,
    random_walk_from: int | None,
) -> Learned:
    if isinstance(recipe, RangeRecipe):
        return LearnedRange(
            base_=ScaledRange(BASE_METHOD, arrays["coefficients"], arrays["shape"]),
            members_=read_networks(recipe, folder),
            centre_=arrays["centre"],
            spread_=arrays["spread"],
            fitted_on_=fitted_on,
            recent_=arrays["recent"],
            random_walk_from_=random_walk_from,
            lookback=recipe.lookback,
        )
    if isinstance(recipe, BaselineRecipe) and recipe.method != "random-walk":
        return ScaledRange(recipe.method, arrays["coefficients"], arrays["shape"])
    return RandomWalk()
