"""The text recipes."""

from typing import Final

from pipeline.recipes.base import Recipe

POINT_RECIPES: Final[tuple[Recipe, ...]] = ()
