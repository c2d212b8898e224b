"""`coincast backfill`: forecasts of days that are past, as they would have been."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.command import app
from flows.command.backfill_output import show_list, show_outcome, show_status
from flows.command.backfill_planning import ask_for, planning, require_one_way, tell_plan
from flows.command.options import JsonOption, QuietOption, SeriesOption
from flows.command.output import print_json

if TYPE_CHECKING:
    from threading import Thread

    from flows.backfills.execution import Execution
    from flows.backfills.plan import BackfillStores
    from flows.edges.configuration import Configuration

backfill_app = typer.Typer(
    help="Make the forecasts of past days, as they would have been.",
    invoke_without_command=True,
    no_args_is_help=True,
)
app.add_typer(backfill_app, name="backfill")

LEASE_S: Final = 60.0

IdArgument = Annotated[str, typer.Argument(help="The backfill's id, or `last`.")]
ExecutorOption = Annotated[str, typer.Option("--executor", help="inline, prefect or dask.")]
ParallelOption = Annotated[
    int | None,
    typer.Option(
        "--max-parallel", min=1, help="Chunks at a time, each by a process; default 1, on Prefect 2."
    ),
]
DaskOption = Annotated[
    str | None, typer.Option("--dask", help="Address of Dask's scheduler, as tcp://127.0.0.1:8786.")
]
LeaseOption = Annotated[
    float, typer.Option("--lease", min=1.0, help="Seconds after which a silent worker is taken for dead.")
]


@backfill_app.callback()
def backfill(
    context: typer.Context,
    *,
    series: SeriesOption = None,
    first: Annotated[str | None, typer.Option("--from", help="First as_of (YYYY-MM-DD).")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last as_of (YYYY-MM-DD).")] = None,
    source: Annotated[str | None, typer.Option(help="URL or folder that holds the CSV files.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", "-r", help="Whose forecasts.")] = None,
    reprocess: Annotated[
        str | None, typer.Option(help="missing (default), failed, or all: also days that are done.")
    ] = None,
    order: Annotated[str | None, typer.Option(help="oldest (default) or newest days first.")] = None,
    refit_every: Annotated[int | None, typer.Option(min=1, help="Days between fits.")] = None,
    vintage: Annotated[
        str | None, typer.Option(help="latest (default): today's data cut; known: what was fetched by then.")
    ] = None,
    chunk: Annotated[
        int | None, typer.Option(min=1, help="Days that a worker takes at a time; default 28.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each day; download and write nothing.")
    ] = False,
    plan_out: Annotated[Path | None, typer.Option(help="Keep the plan of a dry run in this file.")] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Execute exactly the plan of this file.")
    ] = None,
    executor: ExecutorOption = "inline",
    max_parallel: ParallelOption = None,
    dask: DaskOption = None,
    lease: LeaseOption = LEASE_S,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make the forecasts of past days, each from what was known on its day; live forecasts are not touched.

    Exit 1 if a unit failed; the others are done, and `coincast backfill retry ID` tries those again.

    Example: coincast backfill --series binance/BTCUSDT/1d --from 2025-01-01 --to 2025-12-31 --refit-every 7
    """
    if context.invoked_subcommand is not None:
        return
    choices = {
        "source": source,
        "recipe": recipe,
        "reprocess": reprocess,
        "order": order,
        "refit_every": refit_every,
        "vintage": vintage,
        "chunk_days": chunk,
    }
    days = {"series": series, "first": first, "last": last}
    require_one_way(days, choices, plan=plan, plan_out=plan_out, dry_run=dry_run)
    execution = _execution(executor, max_parallel, dask, lease)
    # Everything that can be wrong with the words is said before a store is opened or anything slow is begun.
    current = _configuration()
    if dry_run:
        request = ask_for(days | choices, current)
        tell_plan(request, current, plan_out, workers=max_parallel or 1, as_json=as_json)
        return
    from flows.edges.backfill_store.plan_file import read_plan

    wanted = ask_for(days | choices, current) if plan is None else read_plan(plan)
    stores = _stores(current)
    made = planning(wanted, current, stores)
    imports = _prepare()
    from flows.backfills.run import execute_plan
    from flows.command.terminal import watched

    with watched(quiet=quiet or as_json):
        ready = made()
        imports.join()
        outcome = execute_plan(ready, current, stores, execution)
    show_outcome(outcome, as_json=as_json, quiet=quiet)


@backfill_app.command()
def resume(
    backfill_id: IdArgument,
    *,
    executor: ExecutorOption = "inline",
    max_parallel: ParallelOption = None,
    dask: DaskOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Go on with a backfill that was killed or cancelled, from any machine; what is done stays done.

    Example: coincast backfill resume last
    """
    execution = _execution(executor, max_parallel, dask)
    _go_on(backfill_id, execution, ("cancelled",), as_json=as_json, quiet=quiet)


@backfill_app.command()
def retry(
    backfill_id: IdArgument,
    *,
    executor: ExecutorOption = "inline",
    max_parallel: ParallelOption = None,
    dask: DaskOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Try a backfill's failed units again, and go on with those not yet made; what is done stays done.

    Example: coincast backfill retry last
    """
    execution = _execution(executor, max_parallel, dask)
    _go_on(backfill_id, execution, ("failed",), as_json=as_json, quiet=quiet)


@backfill_app.command()
def status(backfill_id: IdArgument = "last", *, as_json: JsonOption = False) -> None:
    """Show how far a backfill is: each unit's state as the database has it.

    Example: coincast backfill status last
    """
    stores = _stores(_configuration())
    found = stores.units.find(backfill_id)
    show_status(found, stores.units.rows(found.id), stores.units.counts(found.id), as_json=as_json)


@backfill_app.command("list")
def list_backfills(*, as_json: JsonOption = False) -> None:
    """Show every backfill, the newest first: whose forecasts, of which days, and how far it is.

    Example: coincast backfill list
    """
    show_list(_stores(_configuration()).units.listed(), as_json=as_json)


@backfill_app.command()
def cancel(backfill_id: IdArgument, *, as_json: JsonOption = False) -> None:
    """Begin no more units of a backfill; those in work are finished. `resume` takes the others up again.

    Example: coincast backfill cancel last
    """
    stores = _stores(_configuration())
    found = stores.units.find(backfill_id)
    cancelled = stores.units.cancel(found.id, now=stores.units.now())
    if as_json:
        print_json({"id": found.id, "cancelled": cancelled, "units": stores.units.counts(found.id)})
    else:
        typer.echo(f"backfill {found.id}: {cancelled} units cancelled")


def _go_on(
    backfill_id: str, execution: "Execution", reopen: tuple[str, ...], *, as_json: bool, quiet: bool
) -> None:
    current = _configuration()
    stores = _stores(current)
    stores.units.find(backfill_id)
    imports = _prepare()
    from flows.backfills.run import resume_backfill
    from flows.command.terminal import watched

    imports.join()
    with watched(quiet=quiet or as_json):
        outcome = resume_backfill(backfill_id, current, stores, execution, reopen=reopen)
    show_outcome(outcome, as_json=as_json, quiet=quiet)


def _execution(
    executor: str, max_parallel: int | None, dask: str | None, lease: float = LEASE_S
) -> "Execution":
    from flows.backfills.execution import Execution

    return Execution(executor, max_parallel, dask, lease)


def _configuration() -> "Configuration":
    from flows.edges.configuration import configuration

    return configuration()


def _stores(current: "Configuration") -> "BackfillStores":
    from flows.backfills.plan import open_backfill_stores

    return open_backfill_stores(current)


def _prepare() -> "Thread":
    """What a process that fits needs; the slow packages are imported while something else is done."""
    from flows.edges.machine.prefect_settings import apply_prefect_settings
    from flows.edges.machine.runtime import import_in_background, prepare_environment

    prepare_environment(terminal=True)
    apply_prefect_settings()
    return import_in_background()
