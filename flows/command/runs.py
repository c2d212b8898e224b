"""`coincast runs`: fits beside one another, as the MLflow UI shows them."""

from pathlib import Path
from typing import Annotated, Final

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_series
from flows.command.output import print_json, print_table
from flows.edges.private_files import give_usual_mode
from pipeline.errors import InputError

runs: Final = typer.Typer(help="Compare the runs of a series.", no_args_is_help=True)
app.add_typer(runs, name="runs")


@runs.callback()
def _runs() -> None:
    """Compare the runs of a series."""


@runs.command()
def compare(
    *,
    series: SeriesOption = None,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="Newest runs to compare.")] = 30,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Runs of this recipe only.")] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder of the HTML reports; default: reports/ in the state folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the newest runs beside one another, and write the same as an HTML page with charts.

    Example: coincast runs compare --series binance/BTCUSDT/1d --last 30
    """
    from flows.edges.configuration import configuration
    from flows.edges.tracking.experiments import open_tracking
    from flows.studies.runs_report import COLUMNS, compare_runs

    current = configuration()
    wanted = parse_series(series, current.settings.series)
    tracking = open_tracking(current.places)
    folder = report or current.places.home / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    compared = []
    for one in wanted:
        experiment = tracking.find_experiment(one.slug)
        if experiment is None:
            raise InputError(f"{one} has no runs yet; `coincast daily --series {one}` makes one.")
        comparison = compare_runs(experiment, last=last, recipe=recipe)
        page = folder / f"runs-{one.slug}.html"
        page.write_text(comparison.as_html(), encoding="utf-8")
        give_usual_mode(page)
        compared.append({**comparison.as_dict(), "report": str(page)})
        if not as_json:
            heads = ("run", "gate", *(metric.title for metric in COLUMNS.values()))
            print_table(str(one), heads, comparison.rows())
            typer.echo(f"Report: {page}\nIn the MLflow UI: {comparison.experiment.url}")
            if tracking.ui_command:
                typer.echo(f"Open the UI with: {tracking.ui_command}")
    if as_json:
        print_json({"series": compared})
