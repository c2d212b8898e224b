"""Alarms as Prefect events: an automation can write to a person or start a flow when one is raised."""

from collections.abc import Sequence
from typing import Final

from prefect.events import emit_event

from flows.reporting.flow_run import within_flow
from pipeline.monitoring.alarms import Alarm
from pipeline.series import Series

RESOURCE: Final = "coincast.series."
EVENT: Final = "coincast.alarm."


def emit_alarms(series: Series, alarms: Sequence[Alarm], *, simulated_time: bool) -> None:
    """An event `coincast.alarm.<kind>` on the resource `coincast.series.<slug>` for each alarm that stands.

    Outside a flow nothing is emitted: the stages are plain functions and may run without a server.

    Args:
        series: Whose they are; whether its data is simulated is said in the resource's labels.
        alarms: Those that stand.
        simulated_time: Whether the run believes in another instant than the clock's; said there too.
    """
    if not within_flow():
        return
    resource = {
        "prefect.resource.id": f"{RESOURCE}{series.slug}",
        "prefect.resource.name": str(series),
        "coincast.simulated-data": str(series.simulated).lower(),
        "coincast.simulated-time": str(simulated_time).lower(),
    }
    for alarm in alarms:
        emit_event(event=f"{EVENT}{alarm.kind}", resource=resource, payload=alarm.as_dict())
