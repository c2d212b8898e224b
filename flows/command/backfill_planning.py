"""From the words of `coincast backfill` to a plan: what they ask for, what would be done, what will be."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.command.backfill_output import show_plan
from pipeline.errors import InputError

if TYPE_CHECKING:
    from flows.backfills.plan import BackfillStores
    from flows.edges.configuration import Configuration
    from pipeline.backfill.plan import BackfillRequest, Plan


def require_one_way(
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


def ask_for(asked: dict[str, Any], current: "Configuration") -> "BackfillRequest":
    """The request of these words; what was left open is the settings'."""
    from flows.backfills.plan import backfill_request

    return backfill_request(current, **asked)


def planning(
    wanted: "BackfillRequest | Plan", current: "Configuration", stores: "BackfillStores"
) -> "Callable[[], Plan]":
    """The plan to execute: that of a file is checked now, another is made when the sources were asked."""
    from flows.backfills.plan import checked_plan, make_plan
    from flows.edges.clock import clock
    from pipeline.backfill.plan import Plan

    if isinstance(wanted, Plan):
        checked = checked_plan(wanted, current, stores)
        return lambda: checked

    def made() -> Plan:
        from flows.backfills.run import refresh_snapshots

        refresh_snapshots(wanted, current, stores)
        return make_plan(wanted, current, stores, now=clock())

    return made


def tell_plan(
    request: "BackfillRequest", current: "Configuration", file: Path | None, *, workers: int, as_json: bool
) -> None:
    """Show what would be done from the stores as they stand, and keep the plan where that is asked for."""
    from flows.backfills.plan import find_backfill_stores, make_plan
    from flows.edges.backfill_store.plan_file import write_plan
    from flows.edges.clock import clock

    stores = find_backfill_stores(current)
    plan = make_plan(request, current, stores, now=clock())
    if file is not None:
        write_plan(plan, file)
    timings = stores.units.timings(plan.model_id) if stores else None
    show_plan(plan, timings, workers=workers, as_json=as_json)
