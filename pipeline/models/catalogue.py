"""All recipes by name, and new ones from TOML."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from pipeline.errors import InputError
from pipeline.models.registry import PEERS, RANGE_RECIPES
from pipeline.recipes.base import Recipe
from pipeline.recipes.point import with_one_clip
from pipeline.recipes.points import POINT_RECIPES

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def catalogue(own: Sequence[Recipe] = ()) -> tuple[Recipe, ...]:
    """Every recipe: the texts', the ranges and baselines, the peers, then `own`.

    Raises:
        InputError: One of `own` takes a name that is in use.
    """
    recipes: dict[str, Recipe] = {}
    for recipe in (*POINT_RECIPES, *RANGE_RECIPES, *PEERS, *own):
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


_IN_OUR_WORDS: Final = {
    "string_pattern_mismatch": "expected small letters, digits and single hyphens, as in my-lstm",
    "missing": "it has to be given; `coincast recipes show NAME` prints how",
}


_EXPECTED: Final = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text in quotes",
    "tuple": "a list in brackets",
    "list": "a list in brackets",
}
_BOUNDS: Final = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def parse_recipe(text: str, *, origin: str) -> Recipe:
    """A recipe written in TOML.

    `based_on = "guide-lstm"` starts from that recipe, under a name of its own, and what the text says replaces
    its values, table by table: `"none"` unsets one, a clip replaces the other. Title and choices are not taken
    over, for they speak of the base. Without `based_on` the text says everything, with its `kind`.

    Args:
        text: TOML with the fields of the kind's recipe.
        origin: What to call the text in an error, as its file name.

    Raises:
        InputError: Not TOML, an unknown kind, base or field, a base without a name of its own, or a value that
            is not usable.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise InputError(f"{origin} is not valid TOML: {str(error)[:200]}") from error
    try:
        return _recipe(values, origin=origin)
    except RecursionError as error:
        raise InputError(
            f"{origin}: its tables lie too deep in each other; no recipe has more than three."
        ) from error


def _recipe(values: dict[str, Any], *, origin: str) -> Recipe:
    if "based_on" in values:
        values = _based_on(values.pop("based_on"), values, origin=origin)
    kinds = {recipe.kind: type(recipe) for recipe in catalogue()}
    kind = kinds.get(str(values.get("kind")))
    if kind is None:
        raise InputError(
            f"{origin}: 'kind' must be one of {', '.join(kinds)}; or start from one by 'based_on'."
        )
    try:
        recipe = kind.model_validate(values)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"])
        words = _in_our_words(fault, known=_names_beside(fault["loc"], kind))
        end = "" if words.endswith("?") else "."
        raise InputError(f"{origin}: {field or 'recipe'}: {words}{end}") from error
    if recipe.rule not in {one.rule for one in catalogue()}:
        known = ", ".join(one.rule for one in catalogue() if one.kind == recipe.kind)
        raise InputError(f"{origin}: method: expected one of {known}, got {recipe.rule}.")
    return recipe


def _in_our_words(fault: "ErrorDetails", *, known: Sequence[str]) -> str:
    """What was expected and what was received, or what to do."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in _IN_OUR_WORDS:
        return _IN_OUR_WORDS[kind]
    if kind == "extra_forbidden":
        near = get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`coincast recipes show NAME` prints those there are"
        return f"no recipe of this kind has such a field; {hint}"
    received = f"got {repr(fault['input'])[:42]}"
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"expected {words} {context[bound]}, {received}"
    if kind == "literal_error":
        return f"expected {context['expected']}, {received}"
    expected = _EXPECTED.get(kind.partition("_")[0])
    return f"expected {expected}, {received}" if expected else fault["msg"][:200]


def _names_beside(place: tuple[int | str, ...], kind: type[Recipe]) -> list[str]:
    """Names of the fields where one is wrong, as a recipe of the kind has them."""
    names: list[str] = []
    for recipe in catalogue():
        table: Any = recipe.as_values() if isinstance(recipe, kind) else None
        for part in place[:-1]:
            if isinstance(part, int):
                table = table[part] if isinstance(table, list | tuple) and part < len(table) else None
            elif isinstance(table, dict) and part in table:
                # The kind of a layer stands in the place too, and is no field.
                table = table[part]
        names += table if isinstance(table, dict) else []
    return names


def _based_on(name: object, changes: dict[str, Any], *, origin: str) -> dict[str, Any]:
    if not isinstance(name, str):
        raise InputError(f"{origin}: based_on: expected a recipe's name in quotes, got {str(name)[:40]}.")
    try:
        base = find_recipe(name)
    except InputError as error:
        raise InputError(f"{origin}: based_on: {error}") from error
    if "name" not in changes:
        raise InputError(f"{origin}: name: expected one of its own beside based_on = {name!r}; give it one.")
    changes = _unset(changes)
    if isinstance(changes.get("fitting"), dict):
        changes["fitting"] = with_one_clip(changes["fitting"])
    words = {"title": f"a variation of {name}", "source": f"based on {name}", "choices": ()}
    return _merged(base.as_values() | words, changes)


def _unset(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with None where they say "none", for which TOML has no value."""
    return {
        key: _unset(value) if isinstance(value, dict) else None if value == "none" else value
        for key, value in values.items()
    }


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, nested tables key by key; lists are replaced whole."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
