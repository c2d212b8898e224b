"""All recipes by name, and new ones from TOML."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.recipes.base import Recipe
from pipeline.recipes.point import PointRecipe
from pipeline.recipes.points import POINT_RECIPES
from pipeline.recipes.ranges import RANGE_RECIPES


def catalogue(own: Sequence[Recipe] = ()) -> tuple[Recipe, ...]:
    """Every recipe: the texts', the ranges and baselines, then `own`.

    Raises:
        InputError: One of `own` takes a name that is in use.
    """
    recipes: dict[str, Recipe] = {}
    for recipe in (*POINT_RECIPES, *RANGE_RECIPES, *own):
        if recipe.name in recipes:
            raise InputError(f"Two recipes are named {recipe.name!r}; give yours another name.")
        recipes[recipe.name] = recipe
    return tuple(recipes.values())


def find_recipe(name: str, own: Sequence[Recipe] = ()) -> Recipe:
    """The recipe called `name`.

    Raises:
        InputError: There is none; the message names the nearest.
    """
    recipes = {recipe.name: recipe for recipe in catalogue(own)}
    if name in recipes:
        return recipes[name]
    near = get_close_matches(name, recipes, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(recipes)}."
    raise InputError(f"No recipe is named {name[:40]!r}; {hint}")


def parse_recipe(text: str, *, origin: str) -> Recipe:
    """A recipe written in TOML.

    `based_on = "guide-lstm"` starts from that recipe, and what the text says replaces its values, table by
    table; without it the text says everything, with its `kind`.

    Args:
        text: TOML with the fields of the kind's recipe.
        origin: What to call the text in an error, as its file name.

    Raises:
        InputError: Not TOML, an unknown kind or field, or a value that is not usable.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{origin} is not valid TOML: {error}") from error
    base = find_recipe(values.pop("based_on")) if "based_on" in values else None
    if base is not None:
        inherited = base.as_values() | {"source": f"based on {base.name}"}
        values = _merged(inherited, values)
    kinds = {recipe.kind: type(recipe) for recipe in catalogue()}
    kind = kinds.get(str(values.get("kind")))
    if kind is None:
        raise InputError(
            f"{origin}: 'kind' must be one of {', '.join(kinds)}; or start from one by 'based_on'."
        )
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise InputError(f"{origin}: {field or 'recipe'}: {fault['msg'][:200]}.") from error


def with_epochs(recipe: Recipe, epochs: int | None) -> Recipe:
    """The recipe with other epochs, for a quick look; as it is where `epochs` is None or it has none."""
    if epochs is None:
        return recipe
    if isinstance(recipe, PointRecipe):
        return recipe.varied(fitting={"epochs": epochs})
    values = recipe.model_dump()
    return type(recipe).model_validate(values | {"epochs": epochs}) if "epochs" in values else recipe


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, nested tables key by key; lists are replaced whole."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
