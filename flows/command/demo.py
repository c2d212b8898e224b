"""`coincast demo`: the whole daily job against a simulated market, with no network, server or account."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from flows.command import app
from flows.command.daily import run_daily
from flows.command.options import JsonOption, QuietOption
from flows.command.output import console
from pipeline.models.callbacks import LARGEST_SEED

if TYPE_CHECKING:
    from flows.operations.demo_record import DemoRecord
    from pipeline.series import Series

SERIES = "simulated/BTCUSDT/1d"
FIRST_DAY = "2020-01-01"
FIRST_PRICE = 20_000.0


@app.command()
def demo(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the simulated market.", min=0, max=LARGEST_SEED)] = 12,
    recipe: Annotated[str | None, typer.Option(help="Recipe that is fitted and published.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser at the end.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate a market, make a record of its last hundred days, and run the daily job on it.

    Example: coincast demo --seed 7 --open
    """
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe
    from flows.edges.http.demo_site import serve_market
    from flows.edges.sources.crypto_data_download import file_name
    from pipeline.models.registry import require_range
    from pipeline.series import Series

    current = configuration({"recipe": recipe} if recipe else None)
    require_range(named_recipe(current.settings.recipe, current.places))
    # A demo's state never mixes with a deployment's.
    home = current.places.home
    home = home if home.name == "demo" else home / "demo"
    os.environ["COINCAST_HOME"] = str(home)
    series = Series.parse(SERIES)
    with serve_market({file_name(series): _market(series, seed)}) as site:
        overrides = {"source": site.url, **({"recipe": recipe} if recipe else {})}
        record = _run(overrides, quiet=quiet, as_json=as_json)
    if not (quiet or as_json):
        _say_what_is_there(record)
    _say_how_to_look(f"{home}/site/index.html", opens=open_page, told=not (quiet or as_json))


def _market(series: "Series", seed: int) -> bytes:
    """The vendor's file as it stands now: every complete day, and the one in progress."""
    from datetime import date, timedelta

    from flows.edges.clock import clock
    from pipeline.simulation import simulate_candles, simulate_unfinished, wire_format

    now = clock()
    first, today = date.fromisoformat(FIRST_DAY), now.date()
    candles = simulate_candles(seed=seed, first=first, last=today - timedelta(days=1), price=FIRST_PRICE)
    elapsed = max((now.hour * 60 + now.minute) / 1440, 1 / 1440)
    unfinished = simulate_unfinished(seed=seed, first=first, day=today, price=FIRST_PRICE, elapsed=elapsed)
    return wire_format(candles, series, unfinished=unfinished)


def _run(overrides: dict[str, str], *, quiet: bool, as_json: bool) -> "DemoRecord":
    """The record is made while the server of the daily run gets ready."""
    from flows.command.terminal import watched
    from flows.edges.clock import clock
    from flows.edges.configuration import configuration
    from flows.edges.machine.own_server import start_own_server
    from flows.edges.machine.runtime import import_slow_packages, prepare_environment
    from pipeline.series import Series

    prepare_environment(terminal=True)
    server = start_own_server()
    anew = _accept_own_market(overrides["source"])
    import_slow_packages(contract=True)
    from flows.operations.demo_record import make_record

    with watched(quiet=quiet or as_json):
        record = make_record(configuration(overrides), Series.parse(SERIES), now=clock(), anew=anew)
    with server:
        run_daily(
            [SERIES],
            as_of=None,
            now=None,
            overrides=overrides,
            quiet=quiet,
            as_json=as_json,
            trained_s=record.training_s,
        )
    return record


def _accept_own_market(source: str) -> bool:
    """Another seed's market is what is asked for, however suspect it is after the one before: whether it was."""
    from flows.edges.clock import clock
    from flows.edges.configuration import configuration
    from flows.edges.snapshots.download import download
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.sql.database import open_database
    from pipeline.series import Series

    current = configuration()
    engine = open_database(current.places.database_url)
    store, series = SnapshotStore(engine, current.places.snapshots_url), Series.parse(SERIES)
    done = download(series, source, store, now=clock(), limit_mb=current.settings.download_limit_mb)
    served = store.find(done.suspicion.sha256, series) if done.suspicion else None
    if served is not None:
        store.accept(served, now=clock())
    engine.dispose()
    return served is not None


def _say_what_is_there(record: "DemoRecord") -> None:
    from flows.command.backfill_output import print_leaderboard

    out = console()
    print_leaderboard(record.backfill, "The days before, forecast afterwards from what each day knew")
    if record.refused is not None:
        out.print(f"\nA fit that the gate refused, on record: {record.refused.reasons[0]}")
    out.print(f"runs to compare: {record.runs_url}")


def _say_how_to_look(page: str, *, opens: bool, told: bool) -> None:
    import shlex
    import webbrowser
    from pathlib import Path

    from flows.edges.configuration import configuration
    from flows.edges.tracking.experiments import ui_command

    address = Path(page).absolute().as_uri()
    opened = opens and webbrowser.open(address)
    if not told:
        return
    out = console()
    out.print("\nEverything above is simulated. To look around:", style="bold")
    out.print(f"  the page      {page}" + (" (opened)" if opened else ""))
    if not opened:
        out.print(f"                .venv/bin/python -m webbrowser -t {address}")
    out.print(f"  MLflow        .venv/bin/{ui_command(configuration().places.tracking_uri)}")
    out.print("  Prefect       .venv/bin/prefect server start")
    home = configuration().places.home
    out.print(
        f"  its record    COINCAST_HOME={shlex.quote(str(home))} COINCAST_SERIES={SERIES} .venv/bin/coincast scorecard"
    )
