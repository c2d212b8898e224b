"""`coincast compare`: recipes beside the random walk."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from flows.command import app
from flows.command.options import AsOfOption, JsonOption, QuietOption, parse_date
from flows.command.output import print_json, print_table
from flows.inputs.arguments import require_daily, require_pooled
from pipeline.errors import InputError
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.series import Series

if TYPE_CHECKING:
    from pipeline.scores.metrics import Metric

FileOption = Annotated[Path | None, typer.Option("--file", "-f", help="A candle file, as downloaded.")]
OneSeriesOption = Annotated[
    str | None, typer.Option("--series", "-s", help="exchange/SYMBOL/1d: its newest snapshot.")
]
FilesOption = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", help="A candle file, as downloaded. Repeated: the others of a pool."),
]
PoolOption = Annotated[
    list[str] | None,
    typer.Option(
        "--series", "-s", help="exchange/SYMBOL/1d: its newest snapshot. Repeated: the others of a pool."
    ),
]
EpochsOption = Annotated[
    int | None, typer.Option("--epochs", min=1, help="Instead of the recipe's, for a quick look.")
]
LimitOption = Annotated[
    float | None, typer.Option("--time-limit", min=0.1, help="Seconds after which a fit fails.")
]


@app.command()
def compare(
    *,
    recipes: Annotated[
        list[str], typer.Option("--recipes", "-r", help="Names or .toml paths, separated by commas.")
    ],
    files: FilesOption = None,
    series: PoolOption = None,
    as_of: AsOfOption = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=LARGEST_SEED, help="Fits of each recipe: seeds 1 to N.")
    ] = 3,
    epochs: EpochsOption = None,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="Also repeat the leaks that the recipes' texts have.")
    ] = False,
    time_limit: LimitOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit recipes on the same candles and rank them beside the random walk; every fit is an MLflow run.

    A pooled recipe learns from all files or series that are given; the first is the one that is judged.

    Example: coincast compare --file btc.csv --recipes guide-lstm,guide-mlp --seeds 3
    """
    from flows.command.flow_run import ready_for_flows
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipes
    from pipeline.models.registry import require_installed

    source = pooled_source(files, series)
    names = split_names(recipes)
    asked = named_recipes(names, configuration().places)
    require_pooled(asked, source.beside)
    for recipe in asked:
        require_installed(recipe)
    day = parse_date(as_of, option="--as-of") if as_of else None
    with ready_for_flows(quiet=quiet or as_json):
        from flows.compare import CompareRequest
        from flows.compare import compare as compare_flow

        request = CompareRequest(
            recipes=names,
            file=str(source.file) if source.file else None,
            series=source.series,
            beside=source.beside,
            as_of=day,
            seeds=seeds,
            epochs=epochs,
            as_written=as_written,
            time_limit_s=time_limit,
        )
        result = compare_flow(request)
    if as_json:
        print_json(result)
    elif not quiet:
        print_comparison(result)
    if result["failed"]:
        raise typer.Exit(1)


class PooledSource(NamedTuple):
    """What is judged, and the other series of its pool: files, or series."""

    file: Path | None
    series: str | None
    beside: tuple[str, ...]


def pooled_source(files: list[Path] | None, series: list[str] | None) -> PooledSource:
    """The first file or series, and those beside it, checked before anything slow is started.

    Raises:
        InputError: None is given, a file is not there, or there are several files and series.
        UnknownSeriesError: A series is none.
    """
    paths, names = files or [], series or []
    if paths and names and len(paths) + len(names) > 2:
        raise InputError(
            f"Give several --file or several --series, not both; got {len(paths)} and {len(names)}."
        )
    check_source(paths[0] if paths else None, names[0] if names else None)
    for file in paths[1:]:
        check_source(file, None)
    for name in names[1:]:
        check_source(None, name)
    return PooledSource(
        paths[0] if paths else None,
        names[0] if names else None,
        tuple(str(one) for one in (paths[1:] or names[1:])),
    )


def check_source(file: Path | None, series: str | None) -> None:
    """Refuse what cannot be read before anything slow is started.

    Raises:
        InputError: Neither is given, or the file is not there.
        UnknownSeriesError: The series is none.
    """
    if file is None and series is None:
        raise InputError("Say what to read: --file CANDLES.csv, or --series exchange/SYMBOL/1d.")
    if file is not None and not file.is_file():
        raise InputError(f"{file} is not a file; give a candle file.")
    if series is not None:
        require_daily([Series.parse(series)])


def split_names(texts: list[str]) -> tuple[str, ...]:
    """Names of a repeated or comma-separated option, each once."""
    parts = (part.strip() for text in texts for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def print_comparison(result: dict[str, Any]) -> None:
    """The leaderboard of all, those of each setting, each verdict in a sentence, what failed and where the runs are."""
    print_together(result)
    for table in result["tables"]:
        for unit, columns in _tables().items():
            title = f"{result['series']} up to {result['as_of']}, {table['variant']}, {unit}"
            heads = ("recipe", "#", *columns.values())
            print_table(title, heads, [_row(row, columns) for row in table["rows"]])
        for row in table["rows"]:
            typer.echo(f"  {row['rank']}. {row['recipe']}: {row['verdict']}; {row['setting']}.")
        typer.echo("")
    print_ending(result)


def print_together(result: dict[str, Any]) -> None:
    """Ranges and points in one table, each loss with the standard error of its difference from the random walk's."""
    from pipeline.scores.metrics import TOGETHER

    board = result["leaderboard"]
    if not board["rows"]:
        return
    rows = [
        [
            row["recipe"],
            row["rank"],
            *(_with_error(metric, row) for metric in TOGETHER),
            f"{row['fit_seconds']:.1f}",
            f"{row['predict_seconds']:.2f}",
        ]
        for row in board["rows"]
    ]
    title = f"{result['series']}, the {board['days']} days from {board['first']} to {board['last']} that all forecast"
    print_table(title, ("recipe", "#", *(metric.title for metric in TOGETHER), "fit s", "predict s"), rows)


def _with_error(metric: "Metric[Any]", row: dict[str, Any]) -> str:
    value, error = row[metric.name], row[f"{metric.name}_error"]
    if value is None:
        return "–"
    spell = metric.text if metric.form.endswith("f") else _number
    return spell(value) if error is None else f"{spell(value)} ± {spell(error)}"


def print_ending(result: dict[str, Any]) -> None:
    """What failed, on standard error, and where the runs are."""
    for failure in result.get("failed", ()):
        typer.echo(f"Failed: {failure['trial']}: {failure['reason']}", err=True)
    typer.echo(f"MLflow run: {result['mlflow']['url']}")
    if result["mlflow"]["open_with"]:
        typer.echo(f"Open it with: {result['mlflow']['open_with']}")


def _tables() -> dict[str, dict[str, str]]:
    """Metric and heading of every column, table by table: narrow enough for a terminal of 80 columns."""
    from pipeline.scores.metrics import MSE, MSE_SCALED, PRICE, SCALED, SKILL

    learned = {f"train_{MSE_SCALED.name}": f"train {MSE_SCALED.title}", SKILL.name: SKILL.title}
    return {
        "scaled units": {f"test_{metric.name}": metric.title for metric in SCALED} | learned,
        "price": {f"test_{metric.name}": metric.title for metric in PRICE if metric is not MSE},
    }


def _row(row: dict[str, Any], metrics: Iterable[str]) -> list[object]:
    return [row["recipe"], row["rank"], *(_cell(row["metrics"].get(metric)) for metric in metrics)]


def _cell(spread: dict[str, float | None] | None) -> str:
    if spread is None:
        return "–"
    text = _number(spread["mean"] or 0.0)
    return text if spread["spread"] is None else f"{text} ± {spread['spread']:.2g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.4g}"
