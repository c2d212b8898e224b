"""`coincast hub`: the folder that other forecasters' tools read."""

from pathlib import Path
from typing import Annotated, Final

import typer

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import print_json
from pipeline.errors import InputError

hub: Final = typer.Typer(help="Check a hubverse folder of forecasts.", no_args_is_help=True)
app.add_typer(hub, name="hub")


@hub.callback()
def _hub() -> None:
    """Check a hubverse folder of forecasts."""


@hub.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="The hub: the folder that holds hub-config/.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Check file names, columns, types, levels, order of the quantiles, dates and configuration.

    Exit 0 if the hub is valid, 1 if it is not, 2 if there is no such folder.

    Example: coincast hub validate data/site/hub
    """
    from pipeline.hub.validation import validate_hub

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the hub's, as in data/site/hub.")
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    faults = validate_hub(paths, lambda path: (folder / path).read_bytes())
    files = sum(path.startswith("model-output/") for path in paths)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "valid": not faults,
                "forecast_files": files,
                "faults": [fault.as_dict() for fault in faults],
            }
        )
    else:
        for fault in faults:
            typer.echo(str(fault))
        summary = f"not valid, faults: {len(faults)}" if faults else f"valid, forecast files: {files}"
        typer.echo(f"{folder}: {summary}", err=bool(faults))
    if faults:
        raise typer.Exit(1)
