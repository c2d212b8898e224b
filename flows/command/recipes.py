"""`coincast recipes`: what can be fitted."""

from typing import Annotated, Final

import typer

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import print_json, print_table

recipes: Final = typer.Typer(
    help="List, show and begin recipes; a TOML file in recipes/ beside coincast.toml adds one.",
    no_args_is_help=True,
)
app.add_typer(recipes, name="recipes")


@recipes.command("list")
def list_recipes(*, as_json: JsonOption = False) -> None:
    """Name every recipe, coincast's and your own.

    Example: coincast recipes list
    """
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import all_recipes

    known = all_recipes(configuration().places)
    if as_json:
        print_json({"recipes": [recipe.as_values() for recipe in known]})
        return
    print_table("Recipes", ("name", "kind", "what"), ((r.name, r.kind, r.title) for r in known))


@recipes.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a recipe, or a path ending in .toml.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Print a recipe as the TOML that would define it; with other values it needs another name.

    Example: coincast recipes show guide-lstm > my-lstm.toml
    """
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe
    from pipeline.recipes.toml import as_toml

    recipe = named_recipe(name, configuration().places)
    if as_json:
        print_json(recipe.as_values())
        return
    typer.echo(as_toml(recipe.as_values()), nl=False)


@recipes.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name; the file is recipes/NAME.toml.")],
    *,
    like: Annotated[str, typer.Option("--like", "-l", help="The recipe that it begins as.")] = "range-blend",
) -> None:
    """Write a recipe of your own, to be edited: every value of another, under a new name.

    Example: coincast recipes new wider-lstm --like guide-lstm
    """
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import write_recipe

    path = write_recipe(name, like=like, places=configuration().places)
    typer.echo(f"{path}\nEdit it, then: coincast train --recipe {name} --file FILE")
