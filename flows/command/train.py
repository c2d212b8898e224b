"""`coincast train`: one recipe fitted, judged and kept."""

from typing import Annotated

import typer

from flows.command import app
from flows.command.compare import (
    EpochsOption,
    FilesOption,
    LimitOption,
    PoolOption,
    pooled_source,
    print_comparison,
)
from flows.command.options import AsOfOption, JsonOption, QuietOption, SeedOption, parse_date
from flows.command.output import print_json
from flows.inputs.arguments import require_pooled


@app.command()
def train(
    *,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A recipe's name, or a path ending in .toml.")
    ],
    files: FilesOption = None,
    series: PoolOption = None,
    as_of: AsOfOption = None,
    seed: SeedOption = 1,
    epochs: EpochsOption = None,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="With the leaks of the recipe's text.")
    ] = False,
    time_limit: LimitOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a recipe, judge it beside the random walk, and keep its model and figures in an MLflow run.

    A pooled recipe learns from all files or series that are given; the first is the one that is judged.

    Example: coincast train --recipe guide-lstm --file btc.csv
    """
    from flows.command.flow_run import ready_for_flows
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe

    source = pooled_source(files, series)
    require_pooled([named_recipe(recipe, configuration().places)], source.beside)
    day = parse_date(as_of, option="--as-of") if as_of else None
    with ready_for_flows(quiet=quiet or as_json):
        from flows.train import TrainRequest
        from flows.train import train as train_flow

        request = TrainRequest(
            recipe=recipe,
            file=str(source.file) if source.file else None,
            series=source.series,
            beside=source.beside,
            as_of=day,
            seed=seed,
            epochs=epochs,
            as_written=as_written,
            time_limit_s=time_limit,
        )
        result = train_flow(request)
    if as_json:
        print_json(result)
    elif not quiet:
        print_comparison(result)
