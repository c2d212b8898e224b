"""Recipes that an operator wrote: TOML files in `recipes/` beside coincast.toml, or named by their path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flows.edges.configuration import Places
from flows.edges.words import one_line
from pipeline.errors import InputError
from pipeline.models.catalogue import catalogue, find_recipe, parse_recipe
from pipeline.models.random_walk import RANDOM_WALK
from pipeline.recipes.base import Recipe
from pipeline.recipes.toml import as_toml

_MOST_BYTES: Final = 64 * 1024


def own_recipes(places: Places) -> tuple[Recipe, ...]:
    """The recipes of the folder, by file name.

    Raises:
        InputError: A file is no recipe.
    """
    return tuple(_read(path) for path in sorted(places.recipes.glob("*.toml")))


def all_recipes(places: Places) -> tuple[Recipe, ...]:
    """The recipes that come with coincast, then the operator's.

    Raises:
        InputError: A file is no recipe, or takes a name that is in use.
    """
    return catalogue(own_recipes(places))


def named_recipe(name: str, places: Places) -> Recipe:
    """The recipe called `name`, or the one in the file if `name` ends in `.toml`.

    Raises:
        InputError: There is none, or the file is no recipe, or takes the name of another that comes with
            coincast.
    """
    # A half-written file in the folder must not hide what comes with coincast.
    shipped = {recipe.name: recipe for recipe in catalogue()}
    if name.endswith(".toml"):
        recipe = _read(Path(name))
        if shipped.get(recipe.name, recipe) != recipe:
            raise InputError(
                f"{name}: name: {recipe.name!r} is coincast's, with other values; give yours another name."
            )
        return recipe
    return shipped[name] if name in shipped else find_recipe(name, own_recipes(places))


def named_recipes(names: Sequence[str], places: Places) -> tuple[Recipe, ...]:
    """The recipes of several names and paths, in their order, each once.

    Raises:
        InputError: None is named, one is not usable, or two different recipes have one name.
    """
    recipes: dict[str, Recipe] = {}
    for name in names:
        recipe = named_recipe(name, places)
        if recipes.setdefault(recipe.name, recipe) != recipe:
            raise InputError(
                f"{name}: another recipe of this comparison is named {recipe.name!r} too; rename one of them."
            )
    if not recipes:
        raise InputError("No recipe is named; give at least one, as in --recipes guide-lstm,random-walk.")
    return tuple(recipes.values())


def write_recipe(name: str, *, like: str, places: Places) -> Path:
    """Write `recipes/NAME.toml` with the values of another recipe.

    Returns:
        The file.

    Raises:
        InputError: There is no such other one, the name cannot be a recipe's, or is in use.
    """
    return keep_recipe(name, values=named_recipe(like, places).as_values(), places=places)


def keep_recipe(name: str, *, values: Mapping[str, Any], places: Places) -> Path:
    """Write `recipes/NAME.toml` with these values under that name.

    Returns:
        The file.

    Raises:
        InputError: The name cannot be a recipe's, or is in use, or the values are no recipe's.
    """
    text = as_toml({**values, "name": name})
    parse_recipe(text, origin=f"{name}.toml")
    require_free_name(name, places)
    path = places.recipes / f"{name}.toml"
    places.recipes.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {one_line(error, limit=200)}") from error
    return path


def require_free_name(name: str, places: Places) -> None:
    """Refuse a name that cannot be a new recipe's.

    Raises:
        InputError: It is in use, or none that a recipe can have.
    """
    parse_recipe(as_toml({**RANDOM_WALK.as_values(), "name": name}), origin=f"{name[:40]}.toml")
    if name in {recipe.name for recipe in all_recipes(places)}:
        raise InputError(f"A recipe is named {name!r} already; `coincast recipes show {name}` prints it.")


def _read(path: Path) -> Recipe:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a recipe: {one_line(error, limit=200)}") from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path} is no recipe: it is larger than {_MOST_BYTES // 1024} KiB.")
    return parse_recipe(text, origin=path.name)
