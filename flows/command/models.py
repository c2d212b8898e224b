"""`coincast models`: what is registered, who is champion, and what may go."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_series
from flows.command.output import print_json, print_table
from pipeline.series import Series

if TYPE_CHECKING:
    from flows.edges.ledger.publications import GateRecord
    from flows.edges.tracking.aliases import Move
    from flows.edges.tracking.experiments import Tracking
    from flows.edges.tracking.registry import ModelVersion, RegisteredModel
    from flows.edges.tracking.retention import Pruning

models: Final = typer.Typer(
    help="List registered models, move the champion, delete old versions.", no_args_is_help=True
)
app.add_typer(models, name="models")

OneSeries = Annotated[str, typer.Option("--series", "-s", help="exchange/SYMBOL/timeframe.")]


@models.command("list")
def list_models(*, series: SeriesOption = None, as_json: JsonOption = False) -> None:
    """Show every version: its aliases, recipe, day, and what the gate said.

    Example: coincast models list --series binance/BTCUSDT/1d
    """
    tracking, wanted = _open(series)
    found = {model.name: model.versions() for model in (_model(tracking, one) for one in wanted)}
    said = _decisions(wanted)
    if as_json:
        print_json({"models": {name: [_values(one) for one in versions] for name, versions in found.items()}})
        return
    for name, versions in found.items():
        if not versions:
            typer.echo(
                f"{name}: no version yet; `coincast daily` registers one of a recipe that is no baseline."
            )
            continue
        print_table(
            name,
            ("version", "aliases", "recipe", "trained as of", "gate", "made"),
            (_row(one, said) for one in versions),
        )


@models.command()
def promote(
    version: Annotated[int, typer.Argument(help="Version number, as `models list` shows it.")],
    *,
    series: OneSeries,
    as_json: JsonOption = False,
) -> None:
    """Make a version champion, whatever the gate said of it; the champion becomes previous.

    What a rollback held is held no more: the gate decides again from the next daily run on.

    Example: coincast models promote 3 --series binance/BTCUSDT/1d
    """
    from flows.edges.tracking.aliases import promote as move

    model = _only_model(series)
    _report(model, move(model, version), as_json=as_json)


@models.command()
def rollback(*, series: OneSeries, as_json: JsonOption = False) -> None:
    """Make the previous champion champion again, and hold it until `models promote` names a version.

    Daily runs go on fitting and judging; they publish from the champion.

    Example: coincast models rollback --series binance/BTCUSDT/1d
    """
    from flows.edges.tracking.aliases import rollback as move

    model = _only_model(series)
    _report(model, move(model), as_json=as_json)


@models.command()
def prune(
    *,
    series: SeriesOption = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="Newest versions to keep in any case.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete old versions with their files and runs; aliased and published ones stay.

    Example: coincast models prune --keep 30 --dry-run
    """
    parse_series(series, ())
    from flows.edges.configuration import configuration
    from flows.retention import prune_series

    tracking, wanted = _open(series)
    places = configuration().places
    done = {str(one): prune_series(one, tracking, places, keep=keep, dry_run=dry_run) for one in wanted}
    if as_json:
        print_json({"dry_run": dry_run, "pruned": {name: vars(pruning) for name, pruning in done.items()}})
        return
    for name, pruning in done.items():
        print_pruning(name, pruning, dry_run=dry_run)


def print_pruning(name: str, pruning: "Pruning", *, dry_run: bool) -> None:
    """Which versions of a series' model went, and what frees their space where that is a server's matter."""
    numbers = ", ".join(map(str, pruning.versions)) or "nothing"
    typer.echo(f"{name}: {'would delete' if dry_run else 'deleted'} {numbers}")
    if pruning.orphans:
        typer.echo(f"  Without their run, which was deleted before: {', '.join(map(str, pruning.orphans))}")
    if pruning.collect:
        typer.echo(
            "  This frees the space, on the server's host, where MLFLOW_BACKEND_STORE_URI is its database;"
        )
        typer.echo("  it also empties MLflow's bin of what is not named:")
        typer.echo(f"  {pruning.collect}")


def _open(series: list[str] | None) -> "tuple[Tracking, tuple[Series, ...]]":
    from flows.edges.configuration import configuration
    from flows.edges.tracking.experiments import open_tracking

    current = configuration()
    wanted = parse_series(series, current.settings.series)
    return open_tracking(current.places), wanted


def _model(tracking: "Tracking", series: "Series") -> "RegisteredModel":
    from flows.edges.configuration import configuration
    from flows.edges.machine.locks import locks_of
    from flows.edges.tracking.registry import RegisteredModel

    return RegisteredModel(tracking, series, lock=locks_of(configuration().places))


def _only_model(series: str) -> "RegisteredModel":
    one = Series.parse(series)
    return _model(_open(None)[0], one)


def _report(model: "RegisteredModel", move: "Move", *, as_json: bool) -> None:
    if as_json:
        print_json({"model": model.name, **vars(move)})
        return
    what = "champion is now" if move.moved else "champion was and is"
    typer.echo(f"{model.name}: {what} version {move.champion}, previous {move.previous or 'none'}")


def _values(one: "ModelVersion") -> dict[str, Any]:
    return {**vars(one), "uri": one.uri}


def _decisions(wanted: "Iterable[Series]") -> "dict[str, GateRecord]":
    """What the ledger says that the gate decided, by the run of the fit."""
    from flows.edges.configuration import configuration
    from flows.edges.ledger.store import Ledger
    from flows.edges.sql.database import open_database

    ledger = Ledger(open_database(configuration().places.database_url))
    return {decision.run_id: decision for one in wanted for decision in ledger.decisions(one)}


def _row(one: "ModelVersion", said: "Mapping[str, GateRecord]") -> tuple[object, ...]:
    tags = one.tags
    gate = said[one.run_id].outcome if one.run_id in said else tags.get("gate", "–")
    facts = (tags.get("recipe", "–"), tags.get("trained_as_of", "–"), gate)
    return (one.version, ", ".join(one.aliases) or "–", *facts, f"{one.created_at:%Y-%m-%d %H:%M}")
