"""`coincast backfill`: forecasts of days that are past, as they would have been."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flows.command import app
from flows.command.backfill_output import show_outcome, show_plan, show_status
from flows.command.options import JsonOption, QuietOption, SeriesOption
from flows.command.output import print_json
from pipeline.errors import InputError

if TYPE_CHECKING:
    from flows.backfill_execution import Execution
    from flows.backfill_plan import BackfillStores
    from flows.edges.configuration import Configuration
    from pipeline.backfill import BackfillRequest, Plan

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
    _require_one_way(days, choices, plan=plan, plan_out=plan_out, dry_run=dry_run)
    execution = _execution(executor, max_parallel, dask, lease)
    # Everything that can be wrong with the words is said before a store is opened or anything slow is begun.
    current = _configuration()
    if dry_run:
        request = _request(days | choices, current)
        _tell(request, current, plan_out, workers=max_parallel or 1, as_json=as_json)
        return
    from flows.edges.plan_file import read_plan

    wanted = _request(days | choices, current) if plan is None else read_plan(plan)
    stores = _stores(current)
    made = _planning(wanted, current, stores)
    _prepare()
    from flows.backfill_run import execute_plan
    from flows.command.terminal import watched

    with watched(quiet=quiet or as_json):
        outcome = execute_plan(made(), current, stores, execution)
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
    _prepare()
    from flows.backfill_run import resume_backfill
    from flows.command.terminal import watched

    with watched(quiet=quiet or as_json):
        outcome = resume_backfill(backfill_id, current, stores, execution, reopen=reopen)
    show_outcome(outcome, as_json=as_json, quiet=quiet)


def _require_one_way(
    days: dict[str, Any], choices: dict[str, Any], *, plan: Path | None, plan_out: Path | None, dry_run: bool
) -> None:
    """What was given makes one request.

    Raises:
        InputError: It does not.
    """
    if plan is not None and (dry_run or any((days | choices).values())):
        raise InputError(
            "--plan says what to do by itself; leave the days, the other choices and --dry-run out."
        )
    if plan is None and not (days["first"] and days["last"]):
        raise InputError("Say which days: --from and --to, as in --from 2025-01-01 --to 2025-12-31.")
    if plan_out is not None and not dry_run:
        raise InputError("--plan-out goes with --dry-run.")
    if plan_out is not None and plan_out.is_dir():
        raise InputError(f"--plan-out is a file; {plan_out} is a folder, so name a file in it.")
    if plan_out is not None and not plan_out.resolve().parent.is_dir():
        raise InputError(f"--plan-out needs a folder that is there; {plan_out.parent} is not.")


def _execution(
    executor: str, max_parallel: int | None, dask: str | None, lease: float = LEASE_S
) -> "Execution":
    from flows.backfill_execution import Execution

    return Execution(executor, max_parallel, dask, lease)


def _configuration() -> "Configuration":
    from flows.edges.configuration import configuration

    return configuration()


def _stores(current: "Configuration") -> "BackfillStores":
    from flows.backfill_plan import open_backfill_stores

    return open_backfill_stores(current)


def _request(asked: dict[str, Any], current: "Configuration") -> "BackfillRequest":
    from flows.backfill_plan import backfill_request

    return backfill_request(current, **asked)


def _planning(
    wanted: "BackfillRequest | Plan", current: "Configuration", stores: "BackfillStores"
) -> "Callable[[], Plan]":
    """The plan to execute: that of a file is checked now, another is made when the sources were asked."""
    from flows.backfill_plan import checked_plan, make_plan
    from flows.edges.clock import clock
    from pipeline.backfill import Plan

    if isinstance(wanted, Plan):
        checked = checked_plan(wanted, current, stores)
        return lambda: checked

    def made() -> Plan:
        from flows.backfill_run import refresh_snapshots

        refresh_snapshots(wanted, current, stores)
        return make_plan(wanted, current, stores, now=clock())

    return made


def _tell(
    request: "BackfillRequest", current: "Configuration", file: Path | None, *, workers: int, as_json: bool
) -> None:
    """Show what would be done from the stores as they stand, and keep the plan where that is asked for."""
    from flows.backfill_plan import find_backfill_stores, make_plan
    from flows.edges.clock import clock
    from flows.edges.plan_file import write_plan

    stores = find_backfill_stores(current)
    plan = make_plan(request, current, stores, now=clock())
    if file is not None:
        write_plan(plan, file)
    timings = stores.units.timings(plan.model_id) if stores else None
    show_plan(plan, timings, workers=workers, as_json=as_json)


def _prepare() -> None:
    """What a process that fits needs; the slow packages are imported while something else is done."""
    from flows.edges.runtime import import_in_background, prepare_environment

    prepare_environment(terminal=True)
    import_in_background()
