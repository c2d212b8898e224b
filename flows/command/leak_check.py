"""`coincast leak-check`: does a forecast change with what came after it?"""

from pathlib import Path
from typing import Annotated

import typer

from flows.command import app
from flows.command.options import JsonOption, QuietOption
from flows.command.output import print_json
from flows.inputs.arguments import require_pooled
from pipeline.errors import LeakError
from pipeline.models.callbacks import LARGEST_SEED

_DEFAULT_DAYS = 2


@app.command("leak-check")
def leak_check(
    *,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A recipe's name, or a path ending in .toml.")
    ] = "range-blend",
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            "-f",
            help="A daily candle file; default: a simulated market. Repeated: the others of a pool.",
        ),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", min=1, max=10_000, help="As_of days to try.")
    ] = _DEFAULT_DAYS,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Of the fits and of the garbage.")
    ] = 1,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit and forecast with every later row replaced by garbage, by nothing, and with the file's bytes cut.

    The forecasts must be equal to the last bit. Exit 1 where one is not, and it is named. For a pooled recipe the
    first file is forecast, and each file's later rows are replaced in turn.

    Example: coincast leak-check --recipe har-range --file btc.csv
    """
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe
    from flows.edges.machine.runtime import import_in_background, prepare_environment
    from flows.inputs.candle_file import read_file
    from pipeline.models.registry import require_range

    current = configuration()
    wanted = named_recipe(recipe, current.places)
    require_pooled([wanted], (files or ())[1:])
    require_range(wanted)
    data = [read_file(file, current.settings) for file in files or ()]
    prepare_environment(terminal=True)
    imports = import_in_background()
    from flows.studies.leak_check import check_recipe

    imports.join()
    report = check_recipe(wanted, data=data, count=days, seed=seed)
    tried = ", ".join(day.isoformat() for day in report.days)
    if as_json:
        print_json(
            {
                "recipe": recipe,
                "days": list(report.days),
                "comparisons": report.comparisons,
                "leaks": [vars(leak) for leak in report.leaks],
            }
        )
    if report.leaks:
        worst = max(report.leaks, key=lambda leak: leak.largest)
        raise LeakError(
            f"{recipe} leaks: {len(report.leaks)} of {report.comparisons} forecasts changed with later rows; the"
            f" largest change is {worst.largest:.3g} of a quantile, as of {worst.as_of} by {worst.change}."
        )
    if not (as_json or quiet):
        typer.echo(f"{recipe}: {report.comparisons} forecasts are equal to the last bit, as of {tried}.")
