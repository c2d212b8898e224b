"""The recipes that forecast a range, and the class that a fit of each makes.

A line here is all that a new model needs beside its own module. A recipe of kind `baseline` is thereby fitted and
issued beside every forecast, each day and in each backfill.
"""

from collections.abc import Mapping
from typing import Any, Final

from pipeline.errors import InputError
from pipeline.models.contract import Learned
from pipeline.models.lstm.blend import BlendedRange, PooledRange
from pipeline.models.lstm.ensemble import LearnedRange
from pipeline.models.peers.automatic import (
    STATSFORECAST_ARIMA,
    STATSFORECAST_ETS,
    STATSFORECAST_THETA,
    ArimaRange,
    EtsRange,
    ThetaRange,
)
from pipeline.models.peers.garch import ARCH_GARCH, GarchRange
from pipeline.models.peers.library import require_library
from pipeline.models.random_walk import RANDOM_WALK, RandomWalk
from pipeline.models.regression import EWMA_RANGE, HAR_RANGE, EwmaRange, HarRange
from pipeline.recipes.base import Recipe
from pipeline.recipes.ranges import POOLED_BLEND, RANGE_BLEND, RANGE_LSTM, TINY_RANGE, PeerRecipe

_MODELS: Final[tuple[tuple[Recipe, type[Learned[Any]]], ...]] = (
    (RANGE_BLEND, BlendedRange),
    (POOLED_BLEND, PooledRange),
    (RANGE_LSTM, LearnedRange),
    (RANDOM_WALK, RandomWalk),
    (HAR_RANGE, HarRange),
    (EWMA_RANGE, EwmaRange),
    (TINY_RANGE, LearnedRange),
)
# Other libraries' models: they stand beside ours in `backtest` and `compare`, and are never issued nor kept.
_PEERS: Final[tuple[tuple[Recipe, type[Learned[Any]]], ...]] = (
    (ARCH_GARCH, GarchRange),
    (STATSFORECAST_ARIMA, ArimaRange),
    (STATSFORECAST_ETS, EtsRange),
    (STATSFORECAST_THETA, ThetaRange),
)
PEERS: Final = tuple(recipe for recipe, _ in _PEERS)
RANGE_RECIPES: Final = tuple(recipe for recipe, _ in _MODELS)
BASELINES: Final = tuple(recipe for recipe in RANGE_RECIPES if recipe.is_baseline)
_LEARNED: Final = {recipe.rule: learned for recipe, learned in (*_MODELS, *_PEERS)}
_KINDS: Final = {recipe.kind: type(recipe) for recipe in RANGE_RECIPES}


def learned_type(recipe: Recipe) -> type[Learned[Any]]:
    """The class that a fit of `recipe` makes.

    Raises:
        InputError: The recipe forecasts no range.
    """
    if recipe.rule not in _LEARNED:
        raise InputError(
            f"Recipe {recipe.name!r} forecasts no range ({recipe.rule}); use `coincast train` or `coincast compare`"
            f" for a point's, and here one of {', '.join(one.name for one in RANGE_RECIPES)} or its like."
        )
    return _LEARNED[recipe.rule]


def require_range(recipe: Recipe, *, peers: bool = False) -> None:
    """Refuse a recipe that forecasts no range.

    Args:
        recipe: Of any kind.
        peers: Whether a peer is welcome: where it is compared, and nothing is issued or kept.

    Raises:
        InputError: It is one, or a peer where none is welcome.
    """
    learned_type(recipe)
    if not peers:
        refuse_peer(recipe)
    require_installed(recipe)


def require_installed(recipe: Recipe) -> None:
    """Refuse a peer whose library is not there, before anything is fitted.

    Raises:
        InputError: The extra is not installed.
    """
    if isinstance(recipe, PeerRecipe):
        require_library(recipe.library)


def refuse_peer(recipe: Recipe) -> None:
    """Refuse what is compared and never kept.

    Raises:
        InputError: The recipe is a peer.
    """
    if recipe.is_peer:
        raise InputError(
            f"{recipe.name} is another library's model, to be compared with: it runs in `coincast backtest` and"
            " `coincast compare` only."
        )


def issued_recipes(recipe: Recipe) -> tuple[Recipe, ...]:
    """The recipes that a day is forecast by: the baselines, and `recipe` where it is none of them."""
    return tuple({one.model_id: one for one in (*BASELINES, recipe)}.values())


def is_seeded(recipe: Recipe) -> bool:
    """Whether a fit with another seed is another fit; a point's network always is."""
    return recipe.rule not in _LEARNED or _LEARNED[recipe.rule].seeded


def range_recipe(values: Mapping[str, Any]) -> Recipe:
    """The recipe that a bundle or a manifest holds, which the registry may have changed since.

    Raises:
        InputError: No model of this coincast has that kind and method.
        ValueError: A field is unknown or has a value that it cannot have.
    """
    kind = _KINDS.get(str(values.get("kind")))
    if kind is None:
        raise InputError(f"kind is one of {', '.join(_KINDS)}; got {str(values.get('kind'))[:40]!r}.")
    recipe = kind.model_validate(values)
    learned_type(recipe)
    return recipe
