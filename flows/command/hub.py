"""`coincast hub`: the folder that other forecasters' tools read."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import print_json
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.hub.validation import Fault

_FORECASTS: Final = (".csv", ".parquet", ".arrow")
_SHOWN_OF_A_KIND: Final = 5

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
    """Check any hubverse hub by its own tasks.json: file names, columns, task ids, output types, values, metadata.

    The first faults of each kind are shown, and how many there are; --json has them all.

    Exit 0 if the hub is valid, 1 if it is not, 2 if there is no such folder.

    Example: coincast hub validate data/site/hub
    """
    from pipeline.hub.validation import validate_hub

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the hub's, as in data/site/hub.")
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    faults = validate_hub(paths, lambda path: (folder / path).read_bytes())
    files = sum(path.startswith("model-output/") and path.endswith(_FORECASTS) for path in paths)
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
        _print_faults(faults)
        summary = f"not valid, faults: {len(faults)}" if faults else f"valid, forecast files: {files}"
        typer.echo(f"{folder}: {summary}{_counts(faults)}", err=bool(faults))
    if faults:
        raise typer.Exit(1)


def _print_faults(faults: "Sequence[Fault]") -> None:
    shown: Counter[str] = Counter()
    for fault in faults:
        shown[fault.kind] += 1
        if shown[fault.kind] <= _SHOWN_OF_A_KIND:
            typer.echo(str(fault))
    hidden = sum(max(0, count - _SHOWN_OF_A_KIND) for count in shown.values())
    if hidden:
        typer.echo(f"... and {hidden} more; --json has them all")


def _counts(faults: "Sequence[Fault]") -> str:
    counts = Counter(fault.kind for fault in faults).most_common()
    return f" ({', '.join(f'{kind} {count}' for kind, count in counts)})" if counts else ""
