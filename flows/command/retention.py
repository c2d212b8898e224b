"""`coincast retention`: what the schedule does on Sundays, at once."""

from typing import Annotated

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_series
from flows.command.output import print_json


@app.command()
def retention(
    *,
    series: SeriesOption = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="Newest versions to keep in any case.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete old model versions with their files and runs, and give free space of SQLite files back to the disk.

    Servers may go on meanwhile. What is aliased or published stays.

    Example: coincast retention --dry-run
    """
    parse_series(series, ())
    from flows.command.models import print_pruning
    from flows.edges.configuration import configuration
    from flows.inputs.failures import raise_failures
    from flows.retention import retain, told

    current = configuration()
    wanted = parse_series(series, current.settings.series)
    done = retain(wanted, current.places, keep=keep, dry_run=dry_run)
    if as_json:
        pruned = {name: vars(one) for name, one in done.pruned.items()}
        databases = [vars(one) for one in done.vacuumed]
        print_json({"dry_run": dry_run, "pruned": pruned, "databases": databases, "freed": done.freed})
    else:
        for name, pruning in done.pruned.items():
            print_pruning(name, pruning, dry_run=dry_run)
        for one in done.vacuumed:
            typer.echo(told(one, dry_run=dry_run))
    raise_failures(list(done.pruned), done.failures)
