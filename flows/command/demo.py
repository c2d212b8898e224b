"""`coincast demo`: the whole daily job against a simulated market, with no network, server or account."""

import os
from typing import Annotated

import typer

from flows.command import app
from flows.command.daily import run_daily
from flows.command.options import JsonOption, QuietOption
from flows.command.output import console
from pipeline.models.callbacks import LARGEST_SEED

SERIES = "simulated/BTCUSDT/1d"
FIRST_DAY = "2020-01-01"
FIRST_PRICE = 20_000.0


@app.command()
def demo(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the simulated market.", min=0, max=LARGEST_SEED)] = 12,
    recipe: Annotated[str | None, typer.Option(help="Recipe that is fitted and published.")] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate a market, serve it on loopback, and run the daily job on it.

    Example: coincast demo --seed 7
    """
    from datetime import date, timedelta

    from flows.edges.clock import clock
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe
    from flows.edges.http.demo_site import serve_market
    from flows.edges.sources.crypto_data_download import file_name
    from pipeline.models.registry import require_range
    from pipeline.series import Series
    from pipeline.simulation import simulate_candles, simulate_unfinished, wire_format

    current = configuration({"recipe": recipe} if recipe else None)
    require_range(named_recipe(current.settings.recipe, current.places))
    # A demo's state never mixes with a deployment's.
    home = current.places.home
    home = home if home.name == "demo" else home / "demo"
    os.environ["COINCAST_HOME"] = str(home)
    series = Series.parse(SERIES)
    now = clock()
    first, today = date.fromisoformat(FIRST_DAY), now.date()
    candles = simulate_candles(seed=seed, first=first, last=today - timedelta(days=1), price=FIRST_PRICE)
    elapsed = max((now.hour * 60 + now.minute) / 1440, 1 / 1440)
    unfinished = simulate_unfinished(seed=seed, first=first, day=today, price=FIRST_PRICE, elapsed=elapsed)
    content = wire_format(candles, series, unfinished=unfinished)
    with serve_market({file_name(series): content}) as site:
        _accept_own_market(site.url)
        overrides = {"source": site.url, **({"recipe": recipe} if recipe else {})}
        run_daily([SERIES], as_of=None, now=None, overrides=overrides, quiet=quiet, as_json=as_json)
    if not (quiet or as_json):
        _say_how_to_look(str(home))


def _accept_own_market(source: str) -> None:
    """Another seed's market is what is asked for, however suspect it is after the one before."""
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


def _say_how_to_look(home: str) -> None:
    from flows.edges.configuration import configuration
    from flows.edges.tracking.experiments import ui_command

    out = console()
    out.print("\nEverything above is simulated. To look around:", style="bold")
    out.print(f"  the page      open {home}/site/index.html in a browser", markup=False)
    command = ui_command(configuration().places.tracking_uri)
    out.print(f"  MLflow        .venv/bin/{command}", markup=False)
    out.print("  Prefect       .venv/bin/prefect server start", markup=False)
