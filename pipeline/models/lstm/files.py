"""The networks of a bundle in Keras's own formats: layers as JSON, weights as HDF5.

`keras.models.model_from_json` and `load_weights` read them; so does h5py alone, which is how a forecast is
made without TensorFlow.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.models.lstm.network import Weights
from pipeline.recipes.ranges import NetworkRecipe

LAYERS_FILE: Final = "network.json"


def weights_file(number: int) -> str:
    """Name of a member's weights, counted from 1."""
    return f"network_{number}.weights.h5"


def write_networks(recipe: NetworkRecipe, layers: str, members: Iterable[Weights], folder: Path) -> None:
    """Write the layers, as Keras's JSON, once and the weights of each member."""
    (folder / LAYERS_FILE).write_text(layers + "\n", encoding="utf-8")
    for number, weights in enumerate(members, start=1):
        _write_weights(folder / weights_file(number), weights, depth=len(recipe.units))


def read_layers(folder: Path) -> str:
    """The layers in Keras's JSON.

    Raises:
        OSError: The file is missing.
    """
    return (folder / LAYERS_FILE).read_text(encoding="utf-8").removesuffix("\n")


def read_networks(recipe: NetworkRecipe, folder: Path) -> tuple[Weights, ...]:
    """The weights of each member, in Keras's order.

    Raises:
        OSError: A file is missing or damaged.
        KeyError: A file holds other layers than the recipe says.
    """
    return tuple(
        _read_weights(folder / weights_file(number), depth=len(recipe.units))
        for number in range(1, recipe.members + 1)
    )


def _places(depth: int) -> list[str]:
    """Where Keras keeps each weight: it numbers the layers of a class from the second on."""
    names = [f"lstm_{number}" if number else "lstm" for number in range(depth)]
    lstms = [f"layers/{name}/cell/vars/{index}" for name in names for index in range(3)]
    return [*lstms, "layers/dense/vars/0", "layers/dense/vars/1"]


def _write_weights(path: Path, weights: Weights, *, depth: int) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for place, weight in zip(_places(depth), weights, strict=True):
            file.create_dataset(place, data=weight.astype("float32"))


def _read_weights(path: Path, *, depth: int) -> Weights:
    import h5py

    with h5py.File(path) as file:
        return tuple(np.asarray(file[place], dtype=float) for place in _places(depth))
