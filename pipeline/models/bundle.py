"""A fitted model as files without pickles: facts as JSON, numbers as .npz, and what else its class writes."""

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.errors import InputError, RegistryError
from pipeline.models.contract import Stored
from pipeline.models.fitting import Model
from pipeline.models.registry import learned_type, range_recipe

FORMAT: Final = 2
_FACTS: Final = "model.json"
_ARRAYS: Final = "arrays.npz"


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
    arrays: dict[str, Any] = {**model.learned_.arrays()}
    np.savez(folder / _ARRAYS, **arrays)
    model.learned_.write_files(model.recipe, folder)
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / _FACTS).write_text(text + "\n", encoding="utf-8")


def load_bundle(folder: Path) -> Model:
    """The model that `save_bundle` wrote; needs no TensorFlow.

    Raises:
        RegistryError: The folder holds no bundle, or one of another format.
    """
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        with np.load(folder / _ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if facts["format"] != FORMAT:
            raise RegistryError(f"{folder.name} is a bundle of format {facts['format']}, expected {FORMAT}.")
        recipe = range_recipe(facts["recipe"])
        trained_as_of = date.fromisoformat(facts["trained_as_of"])
        stored = Stored(recipe, trained_as_of, facts["random_walk_from"], arrays, folder)
        learned = learned_type(recipe).restore(stored)
    except (OSError, KeyError, TypeError, ValueError, InputError) as error:
        raise RegistryError(
            f"{folder.name} is not a whole model bundle ({error}); fit the model again."
        ) from error
    return Model(recipe, trained_as_of, facts["seed"], learned)
