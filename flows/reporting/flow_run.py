"""The Prefect run that this code runs in, if any: its name, its address and when it was due."""

from datetime import UTC, datetime

from prefect.context import FlowRunContext, TaskRunContext


def within_flow() -> bool:
    """Whether this runs inside a flow or one of its tasks."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None


def due_at() -> datetime | None:
    """When the flow run was to begin, UTC; None outside of a flow and for a run that nobody scheduled."""
    context = FlowRunContext.get()
    due: datetime | None = context.flow_run.expected_start_time if context and context.flow_run else None
    return due.astimezone(UTC) if due else None


def name_and_id() -> tuple[str, str]:
    """Of the flow run; empty texts outside of one."""
    from prefect.runtime import flow_run

    return flow_run.name or "", flow_run.id or ""


def way_back() -> str:
    """The link to the flow run, in Markdown for an MLflow run's note; empty outside of one, and without a UI."""
    name, _ = name_and_id()
    return f"\n\n[Prefect run {name}]({address})" if name and (address := ui_url()) else ""


def ui_url() -> str | None:
    """Address of the flow run in Prefect's UI; None where no UI is known, for which Prefect says `None/flow-runs`."""
    from prefect.runtime import flow_run
    from prefect.settings import PREFECT_UI_URL

    return flow_run.ui_url if PREFECT_UI_URL.value() else None
