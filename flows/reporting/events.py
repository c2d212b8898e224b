"""Alarms as Prefect events: an automation can write to a person or start a flow when one is raised."""

from collections.abc import Sequence
from typing import Final

from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event

from flows.inputs.request import Job
from pipeline.monitoring.alarms import Alarm

RESOURCE: Final = "coincast.series."
EVENT: Final = "coincast.alarm."


def emit_alarms(job: Job, alarms: Sequence[Alarm]) -> None:
    """An event `coincast.alarm.<kind>` on the resource `coincast.series.<slug>` for each alarm that stands.

    Outside a flow nothing is emitted: the stages are plain functions and may run without a server.

    Args:
        job: Whose run raises them; simulated data and time are said in the resource's labels.
        alarms: Of the job's series.
    """
    if TaskRunContext.get() is None and FlowRunContext.get() is None:
        return
    resource = {
        "prefect.resource.id": f"{RESOURCE}{job.series.slug}",
        "prefect.resource.name": str(job.series),
        "coincast.simulated-data": str(job.series.simulated).lower(),
        "coincast.simulated-time": str(job.simulated_time).lower(),
    }
    for alarm in alarms:
        emit_event(event=f"{EVENT}{alarm.kind}", resource=resource, payload=alarm.as_dict())
