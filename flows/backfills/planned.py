"""A backfill's plan as a deployment's run makes it, keeps it and takes it up again."""

from typing import Any, Final

from flows.backfills.plan import BackfillStores, make_plan
from flows.backfills.run import refresh_snapshots
from flows.edges.backfill_store.plan_file import keep_plan
from flows.edges.clock import clock
from flows.edges.configuration import Configuration
from flows.reporting.artifacts import show_table
from pipeline.backfill.plan import BackfillRequest, Plan
from pipeline.errors import InputError

# Prefect's page draws every row at once; the plan itself has all days.
_MOST_ROWS: Final = 1000


def plan_now(request: BackfillRequest, configuration: Configuration, stores: BackfillStores) -> Plan:
    """What is to be done once the sources were asked."""
    refresh_snapshots(request, configuration, stores)
    return make_plan(request, configuration, stores, now=clock())


def kept_for_later(
    request: BackfillRequest, configuration: Configuration, stores: BackfillStores
) -> dict[str, Any]:
    """Plan from the stores as they stand, show the days as a table, and keep the plan; its id and its counts."""
    plan = make_plan(request, configuration, stores, now=clock())
    name = keep_plan(plan, configuration.places.home)
    days = sorted(plan.units, key=lambda unit: (unit.as_of, unit.series))
    rows = [
        {
            "day": unit.as_of.isoformat(),
            "series": unit.series,
            "outcome": unit.outcome,
            "why": unit.why,
            "fitted on": unit.fit_day.isoformat(),
        }
        for unit in days[:_MOST_ROWS]
    ]
    told = ", ".join(f"{count} {outcome}" for outcome, count in plan.counts.items() if count)
    more = f" The first {_MOST_ROWS} of {len(days)} days." if len(days) > _MOST_ROWS else ""
    show_table(
        f"backfill-plan-{name}",
        rows,
        f"{told}; {plan.fits} fits.{more} To do it, run this deployment with `plan` = `{name}` and nothing else.",
    )
    return {"plan": name, "counts": plan.counts, "fits": plan.fits}


def require_plan_alone(*others: object, dry_run: bool) -> None:
    """Refuse other words beside a plan's id.

    Raises:
        InputError: Something else is given.
    """
    if dry_run or any(one is not None for one in others):
        raise InputError("plan says what to do by itself; leave days, series, choices and dry_run out.")
