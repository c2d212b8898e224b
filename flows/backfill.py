"""The flows `backfill`, which drives a whole backfill, and `backfill-chunk`, which works on one chunk of one."""

from typing import Any, Literal

from flows.backfills.execution import Execution
from flows.backfills.plan import backfill_request, checked_plan, open_backfill_stores
from flows.backfills.planned import kept_for_later, plan_now, require_plan_alone
from flows.backfills.run import execute_plan
from flows.backfills.worker import work_chunk
from flows.edges.backfill_store.plan_file import kept_plan
from flows.edges.configuration import configuration
from flows.edges.machine.runtime import prepare_environment
from flows.inputs.form_fields import CountNumber, DateText, SeriesText
from flows.tasks.flow_policy import flow
from pipeline.errors import RunError


@flow(name="backfill")
def backfill(
    first: DateText | None = None,
    last: DateText | None = None,
    series: list[SeriesText] | None = None,
    source: str | None = None,
    recipe: str | None = None,
    reprocess: Literal["missing", "failed", "all"] = "missing",
    order: Literal["oldest", "newest"] = "oldest",
    refit_every: CountNumber | None = None,
    vintage: Literal["latest", "known"] = "latest",
    chunk_days: CountNumber = 28,
    executor: Literal["inline", "prefect", "dask"] = "inline",
    max_parallel: CountNumber | None = None,
    dask: str | None = None,
    lease_s: float = 60.0,
    dry_run: bool = False,
    plan: str | None = None,
) -> dict[str, Any]:
    """Plan a backfill, execute it, score and publish it.

    A dry run shows what would become of each day and keeps the plan; a run with that plan's id executes it as it is.

    Args:
        first: First as_of, YYYY-MM-DD; with `plan` none.
        last: Last as_of; with `plan` none.
        series: As `binance/BTCUSDT/1d`; default: the settings'.
        source: URL or folder of the CSV files; default: the settings'.
        recipe: Whose forecasts; default: the settings'.
        reprocess: `missing`, `failed` or `all`.
        order: `oldest` or `newest` days first.
        refit_every: Days between fits; default: the settings'.
        vintage: `latest` or `known`.
        chunk_days: Days that a worker takes at a time.
        executor: `inline`, `prefect` or `dask`.
        max_parallel: Chunks at a time.
        dask: Address of Dask's scheduler.
        lease_s: Seconds after which a silent worker is taken for dead.
        dry_run: Download and make nothing: show a table of the days, and keep the plan.
        plan: Id of a plan that a dry run kept: it says days and choices by itself.

    Returns:
        JSON values of what became of it.

    Raises:
        InputError: It cannot be done as asked.
        RunError: A unit failed, or what was made of a series cannot be scored or shown; the others are done.
    """
    prepare_environment()
    current = configuration()
    execution = Execution(executor, max_parallel, dask, lease_s)
    stores = open_backfill_stores(current)
    if plan is not None:
        require_plan_alone(first, last, series, source, recipe, refit_every, dry_run=dry_run)
        ready = checked_plan(kept_plan(plan, current.places.home), current, stores)
    else:
        request = backfill_request(
            current,
            series=series,
            first=first or "",
            last=last or "",
            source=source,
            recipe=recipe,
            reprocess=reprocess,
            order=order,
            refit_every=refit_every,
            vintage=vintage,
            chunk_days=chunk_days,
        )
        if dry_run:
            return kept_for_later(request, current, stores)
        ready = plan_now(request, current, stores)
    outcome = execute_plan(ready, current, stores, execution)
    if outcome.failed:
        raise RunError(
            f"{len(outcome.failed)} units of backfill {outcome.id} failed, the others are over; the first,"
            f" {outcome.failed[0]['series']} {outcome.failed[0]['as_of']}: {outcome.failed[0]['why']}"
        )
    if outcome.failures:
        named = "; ".join(f"{name}: {why}" for name, why in outcome.failures.items())
        raise RunError(f"All units of backfill {outcome.id} are made, and what follows failed. {named}")
    return outcome.as_dict()


@flow(name="backfill-chunk")
def backfill_chunk(backfill_id: str, chunk: int) -> int:
    """Work on one chunk of a backfill until no unit of it is left.

    Args:
        backfill_id: Which backfill.
        chunk: Which of its chunks.

    Returns:
        How many units were made by this run.
    """
    return work_chunk(backfill_id, chunk)
