"""`coincast backtest`: a recipe walked forward over years."""

from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command import app
from flows.command.compare import FilesOption, PoolOption, pooled_source
from flows.command.options import JsonOption, QuietOption, SeedOption, parse_date
from flows.command.output import print_json, print_table, stacked
from flows.inputs.arguments import require_pooled
from pipeline.errors import DateError, InputError
from pipeline.series import Series

if TYPE_CHECKING:
    from pipeline.scores.differences import Difference


@app.command()
def backtest(
    *,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A recipe's name, or a path ending in .toml.")
    ] = "range-blend",
    files: FilesOption = None,
    series: PoolOption = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="First as_of (YYYY-MM-DD); default: as early as history allows."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last as_of (YYYY-MM-DD); default: the newest candle.")
    ] = None,
    refit_every: Annotated[int, typer.Option("--refit-every", min=1, help="Days between fits.")] = 365,
    horizons: Annotated[str, typer.Option("--horizons", help="As 1-7, or 1,3,7.")] = "1-7",
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the forecasts go, as CSV.")] = Path(
        "forecasts.csv"
    ),
    seed: SeedOption = 1,
    track: Annotated[bool, typer.Option(help="Log figures and numbers to MLflow.")] = True,
    by_year: Annotated[
        bool, typer.Option("--by-year", help="Show each horizon's calendar years too.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Forecast every day of a stretch as it would have been, and score it beside the random walk and har-range.

    Each fit reads only rows up to its day. A killed backtest goes on where it was when asked again. A pooled recipe
    learns from all files or series that are given; the first is the one that is forecast.

    Example: coincast backtest --file btc.csv --recipe har-range --from 2020-01-01 --out har.csv
    """
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe
    from flows.edges.machine.runtime import import_in_background, prepare_environment
    from pipeline.models.registry import require_installed, require_range

    source = pooled_source(files, series)
    chosen = parse_horizons(horizons)
    if not out.resolve().parent.is_dir():
        raise InputError(f"--out needs a folder that is there; {out.parent} is not.")
    begin = parse_date(first, option="--from") if first else None
    end = parse_date(last, option="--to") if last else None
    if begin and end and begin > end:
        raise DateError(f"--from {begin} is after --to {end}; turn them round.")
    wanted = named_recipe(recipe, configuration().places)
    require_pooled([wanted], source.beside)
    require_range(wanted, peers=True)
    require_installed(wanted)
    prepare_environment(terminal=True)
    imports = import_in_background()
    from flows.command.terminal import watched
    from flows.studies.backtest import BacktestRequest
    from flows.studies.backtest import backtest as walk

    request = BacktestRequest(
        file=source.file,
        series=Series.parse(source.series) if source.series else None,
        beside=source.beside,
        recipe=recipe,
        first=begin,
        last=end,
        refit_every=refit_every,
        horizons=chosen,
        out=out,
        seed=seed,
        track=track,
    )
    imports.join()
    with watched(quiet=quiet or as_json):
        result = walk(request, configuration())
    if as_json:
        print_json(result)
    elif not quiet:
        _print(result, by_year=by_year)


def parse_horizons(text: str) -> tuple[int, ...]:
    """Horizons written `1-7`, `3` or `1,3,7`, rising, each once.

    Raises:
        InputError: It is something else, or not within 1 to 7.
    """
    chosen: set[int] = set()
    for part in text.split(","):
        ends = part.strip().split("-")
        if len(ends) > 2 or not all(end.isdigit() and 1 <= int(end) <= 7 for end in ends):
            raise InputError(f"--horizons takes days from 1 to 7, as 1-7 or 1,3,7; got {text[:40]!r}.")
        chosen |= set(range(int(ends[0]), int(ends[-1]) + 1))
    if not chosen:
        raise InputError(f"--horizons names no day; got {text[:40]!r}.")
    return tuple(sorted(chosen))


def _print(result: dict[str, Any], *, by_year: bool) -> None:
    title = f"{result['recipe']} on {result['series']}, {result['first_as_of']} to {result['last_as_of']}"
    print_table(title, _heads("ahead"), [_row(f"+{h}", cell) for h, cell in result["overall"].items()])
    for horizon in result["overall"] if by_year else ():
        periods = {**result["years"], "all": {horizon: result["overall"][horizon]}}
        rows = [_row(period, cells[horizon]) for period, cells in periods.items()]
        print_table(f"{title}, {horizon} day(s) ahead", _heads("year"), rows)
    typer.echo(
        f"{len(result['fits'])} fits in {result['fit_seconds']:.1f} s, their forecasts in"
        f" {result['predict_seconds']:.1f} s"
    )
    typer.echo(f"{result['forecasts']['rows']} rows in {result['forecasts']['file']}")
    if "mlflow" in result:
        typer.echo(f"MLflow run: {result['mlflow']['url']}")


def _heads(first: str) -> tuple[str, ...]:
    from pipeline.scores.metrics import BACKTEST_TABLE, LESS_HAR_RANGE, RELATIVE_WIS

    return (
        first,
        "days",
        RELATIVE_WIS.title,
        LESS_HAR_RANGE[0].title,
        *(one.title for one in BACKTEST_TABLE),
    )


def _row(name: str, cell: dict[str, Any]) -> tuple[object, ...]:
    from pipeline.scores.metrics import BACKTEST_TABLE

    walk = _difference(cell, "less_random_walk", cell["days"])
    har = _difference(cell, "less_har_range", cell["har_range_days"])
    beside = stacked(walk.ratio, walk.words), stacked(har.figures, har.words)
    return (name, cell["days"], *beside, *(metric.text(cell[metric.name]) for metric in BACKTEST_TABLE))


def _difference(cell: dict[str, Any], name: str, days: float) -> "Difference":
    from pipeline.scores.differences import Difference

    value, error = (nan if cell[key] is None else cell[key] for key in (name, f"{name}_error"))
    return Difference(value, error, int(days))
