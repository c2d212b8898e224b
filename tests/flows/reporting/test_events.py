"""Alarms as events on a real Prefect server."""

import time
from datetime import UTC, date, datetime

import pytest

from flows.edges.configuration import configuration
from flows.inputs.request import Job, plan_jobs
from flows.reporting.events import emit_alarms
from pipeline.monitoring.alarms import NO_FORECAST, STALE_SOURCE, Alarm
from pipeline.series import Series

pytestmark = pytest.mark.slow

# No other test's flow speaks of it.
SERIES = Series("simulated", "ALARMUSDT")
ALARMS = tuple(
    Alarm(str(SERIES), kind, "Look at it.", date(2026, 3, 29)) for kind in (NO_FORECAST, STALE_SOURCE)
)


@pytest.fixture
def job() -> Job:
    now = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
    (planned,) = plan_jobs(configuration(), [SERIES], as_of=None, now=now)
    return planned


def test_each_alarm_of_a_flow_is_an_event_that_says_what_it_is_about(prefect_harness: None, job: Job) -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client

    @flow
    def publishing() -> None:
        emit_alarms(job.series, ALARMS, simulated_time=job.simulated_time)

    publishing()
    deadline = time.monotonic() + 60
    found: list[dict] = []
    with get_client(sync_client=True) as client:
        while len(found) < len(ALARMS) and time.monotonic() < deadline:
            time.sleep(0.3)
            wanted = {
                "event": {"prefix": ["coincast.alarm."]},
                "resource": {"id": [f"coincast.series.{SERIES.slug}"]},
            }
            found = client._client.post("/events/filter", json={"filter": wanted}).json()["events"]
    assert {one["event"] for one in found} == {"coincast.alarm.no-forecast", "coincast.alarm.stale-source"}
    for one in found:
        assert one["resource"]["prefect.resource.id"] == f"coincast.series.{SERIES.slug}"
        assert one["resource"]["coincast.simulated-data"] == "true"
        assert one["resource"]["coincast.simulated-time"] == "true"
        assert one["payload"]["message"] == "Look at it."
        assert any(label["prefect.resource.role"] == "flow-run" for label in one["related"])


def test_outside_of_a_flow_nothing_is_asked_of_a_server(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.reporting.events.emit_event", lambda **_: pytest.fail("an event was emitted"))
    emit_alarms(job.series, ALARMS, simulated_time=job.simulated_time)
