"""`coincast up`, `coincast down`, `coincast deploy`: the servers and the worker of one machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import console, print_json

if TYPE_CHECKING:
    from flows.operations.server_setup import Setup

ChunksOption = Annotated[
    int, typer.Option("--chunks", min=1, help="Chunks of backfills that run at once, over all workers.")
]
PatienceOption = Annotated[
    float,
    typer.Option("--patience", min=1, help="Seconds that each program, and a flow that runs, may take."),
]


@app.command()
def up(
    *,
    postgres: Annotated[
        str, typer.Option("--postgres", help="URL of a database for Prefect's server; default: its SQLite.")
    ] = "",
    host: Annotated[
        str, typer.Option("--host", help="Address that Prefect's server listens on.")
    ] = "127.0.0.1",
    prefect_port: Annotated[
        int, typer.Option("--prefect-port", min=1, max=65535, help="Of Prefect's server and UI.")
    ] = 4200,
    mlflow_port: Annotated[
        int, typer.Option("--mlflow-port", min=1, max=65535, help="Of MLflow's, always on loopback.")
    ] = 5000,
    site_port: Annotated[
        int, typer.Option("--site-port", min=1, max=65535, help="Of the published site, always on loopback.")
    ] = 4300,
    chunks: ChunksOption = 2,
    patience: PatienceOption = 120.0,
    env: Annotated[
        bool, typer.Option("--env", help="Start nothing; print what a shell must export, password and all.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the servers of Prefect, MLflow and the published site, and a worker; register deployments and limits.

    What runs already is left alone: a second time starts only what is missing. Logs are in `run/` of the state folder.

    Prefect's server asks for a password, which the commands of coincast know;
    `eval "$(coincast up --env)"` tells it to others, as `prefect`, and to you.

    Example: coincast up --postgres postgresql://coincast@127.0.0.1:5432/prefect
    """
    from flows.edges.configuration import configuration
    from flows.edges.machine.prefect_settings import apply_prefect_settings
    from flows.edges.machine.runtime import prepare_environment
    from flows.edges.tracking.experiments import runs_page
    from flows.operations.local_services import ServerOptions, start_all, variables_in_use
    from pipeline.addresses.address import Address

    if env:
        _export(variables_in_use(configuration().places))
        return
    prepare_environment(terminal=True)
    apply_prefect_settings()
    options = ServerOptions(host, prefect_port, mlflow_port, site_port, Address(postgres), chunks, patience)
    standings, setup = start_all(options, configuration().places)
    if as_json:
        services = [
            {
                "name": one.service.name,
                "state": one.state,
                "pid": one.service.pid,
                "url": one.service.url,
                "log": one.service.log,
            }
            for one in standings
        ]
        print_json({"services": services, "environment": options.variables, **vars(setup)})
        return
    out = console()
    for one in standings:
        out.print(
            f"{one.service.name:8} {one.state:8} {one.service.url}  (log: {one.service.log})", markup=False
        )
    _tell(setup)
    site = next((one.service.url for one in standings if one.service.name == "site"), "")
    out.print(
        f"\nUI of flows: {options.api.removesuffix('/api')}    UI of runs: {runs_page(options.mlflow_url)}"
    )
    if site:
        out.print(f"the site: {site}")
    _export(options.variables)


@app.command()
def down(*, patience: PatienceOption = 20.0, as_json: JsonOption = False) -> None:
    """End what `coincast up` started: worker, site, MLflow, Prefect.

    No new flow begins. Those that run are waited for; what is cut off when the patience is over is Crashed in Prefect.

    Example: coincast down --patience 600
    """
    from flows.edges.configuration import configuration
    from flows.operations.shutdown import end_all

    outcomes = end_all(configuration().places, patience_s=patience)
    if as_json:
        print_json({"services": outcomes})
        return
    for name, outcome in outcomes.items():
        typer.echo(f"{name:8} {outcome}")


@app.command()
def deploy(*, chunks: ChunksOption = 2, as_json: JsonOption = False) -> None:
    """Give the server of PREFECT_API_URL what `up` gives its own: work pool, queues, deployments, automation.

    Example: coincast deploy --chunks 4
    """
    from flows.edges.configuration import configuration
    from flows.edges.machine.prefect_settings import apply_prefect_settings
    from flows.edges.machine.runtime import prepare_environment
    from flows.edges.prefect_api import prefect_api
    from flows.operations.server_setup import set_up
    from pipeline.errors import SettingsError

    prepare_environment(terminal=True)
    apply_prefect_settings()
    if not prefect_api():
        raise SettingsError("PREFECT_API_URL is not set: say which server, as in http://127.0.0.1:4200/api.")
    receipt = configuration().places.home / "run" / "deployed"
    setup = set_up(prefect_api(), chunks=chunks, receipt=receipt)
    if as_json:
        print_json(vars(setup))
        return
    _tell(setup)


def _export(variables: dict[str, str]) -> None:
    from shlex import quote

    for name, value in variables.items():
        typer.echo(f"export {name}={quote(value)}")


def _tell(setup: "Setup") -> None:
    verb = "registered" if setup.deployed else "there"
    typer.echo(f"deployments {verb}: {', '.join(setup.deployments)}")
    typer.echo(f"automation on lost heartbeats: {setup.automation}")
