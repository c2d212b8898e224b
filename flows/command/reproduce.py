"""`coincast reproduce`: a published forecast made again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.command import app
from flows.command.options import JsonOption, parse_date
from flows.command.output import print_json
from flows.inputs.arguments import require_daily
from pipeline.series import Series

if TYPE_CHECKING:
    from flows.publishing.reproduction import Reproduction


@app.command()
def reproduce(
    *,
    series: Annotated[str, typer.Option("--series", "-s", help="exchange/SYMBOL/timeframe.")],
    as_of: Annotated[str, typer.Option("--as-of", help="Day of the forecast (YYYY-MM-DD).")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Model id or recipe, as coincast-har_range; default: the published one, else the recipe's.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a published forecast's model again from its snapshot, recipe and seed, and compare every bit.

    Exit 0 if all are equal; 1 if they are not, and what is not as it was is listed.

    Example: coincast reproduce --series binance/BTCUSDT/1d --as-of 2026-03-29
    """
    one = Series.parse(series)
    require_daily([one])
    day = parse_date(as_of, option="--as-of")
    from flows.edges.configuration import configuration
    from flows.edges.machine.runtime import import_in_background, prepare_environment

    prepare_environment(terminal=True)
    imports = import_in_background()
    from flows.edges.ledger.store import Ledger
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.sql.database import open_database
    from flows.publishing.reproduction import reproduce as make_again
    from pipeline.recipes.base import model_id_of

    places = configuration().places
    engine = open_database(places.database_url)
    snapshots = SnapshotStore(engine, places.snapshots_url)
    imports.join()
    wanted = model if model is None or model.startswith("coincast-") else model_id_of(model)
    made = make_again(one, day, model_id=wanted, ledger=Ledger(engine), snapshots=snapshots)
    equal = all(again.equal for again in made)
    if as_json:
        print_json({"equal": equal, "reproductions": [again.as_dict() for again in made]})
    else:
        _print(made)
    if not equal:
        raise typer.Exit(1)


def _print(made: "Sequence[Reproduction]") -> None:
    for again in made:
        horizons = (
            f"horizons {again.horizons[0]} to {again.horizons[-1]}"
            if len(again.horizons) > 1
            else (f"horizon {again.horizons[0]}")
        )
        typer.echo(
            f"{again.series} as of {again.as_of}, {again.model_id} ({again.mode}), {horizons}:"
            f" {'equal, bit for bit' if again.equal else 'not equal'}"
        )
        typer.echo(f"  manifest {again.manifest_id[:12]}, snapshot {again.snapshots[0][:12]}")
        for horizon, difference in again.largest.items():
            if difference:
                typer.echo(f"  horizon {horizon}: largest relative difference {difference:.2g}")
        for change in again.changed:
            typer.echo(f"  {change}")
        if not again.equal and not again.changed:
            typer.echo("  Code, packages and arithmetic are the same, as far as the manifest tells.")
