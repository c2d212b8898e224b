"""Named recipes as data: those of the texts, the ranges that are published, and the baselines."""

from pipeline.recipes.base import Recipe
from pipeline.recipes.catalogue import catalogue, find_recipe, parse_recipe, with_epochs

__all__ = ["Recipe", "catalogue", "find_recipe", "parse_recipe", "with_epochs"]
