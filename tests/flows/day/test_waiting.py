"""A vendor that is late, by a clock that the test moves; and a run that starts a day late."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
import urllib3

from flows.day.waiting import Wait, Waiting
from flows.edges.configuration import configuration
from flows.edges.http.demo_site import Reply, Site, serve_market
from flows.edges.ledger.store import Ledger
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from flows.edges.tracking.experiments import open_tracking
from flows.inputs.request import plan_jobs
from flows.inputs.stores import open_stores
from flows.reporting.progress import Stopwatch
from flows.tasks import day as tasks
from pipeline.errors import SourceError, StaleSourceError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

# LATE has a name of its own: its events are looked for on a server that other tests use too.
PROMPT, LATE = Series("simulated", "BTCUSDT"), Series("simulated", "LATEUSDT")
# Events of the server that the tests share are told apart by their series.
SHUT, GONE = Series("simulated", "SHUTUSDT"), Series("simulated", "GONEUSDT")
FIRST, LAST = date(2023, 10, 1), date(2026, 3, 29)
# A baseline: what is tried here comes before the fit.
RECIPE, MODEL = "har-range", "coincast-har_range"


def market_file(last: date, series: Series) -> bytes:
    return wire_format(simulate_candles(seed=12, first=FIRST, last=last, price=20_000.0), series)


@pytest.fixture
def files() -> dict[str, bytes]:
    """The day is there for one series and not yet for the other."""
    return {
        file_name(PROMPT): market_file(LAST, PROMPT),
        file_name(LATE): market_file(LAST - timedelta(days=1), LATE),
    }


@pytest.fixture
def site(files: dict[str, bytes]) -> Iterator[Site]:
    """At the first look it is down for maintenance."""
    with serve_market(files, script=[Reply(200, b"<html>maintenance</html>")]) as served:
        yield served


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    engine = open_database(configuration().places.database_url)
    yield Ledger(engine)
    engine.dispose()


class Watch:
    """A clock that only rests move; `then` is called after each."""

    def __init__(self, then: Callable[[timedelta], None] = lambda _: None) -> None:
        self.start = self.instant = datetime.combine(LAST + timedelta(days=1), time(0, 20), UTC)
        self.then = then
        self.rests: list[float] = []

    def pause(self, seconds: float) -> None:
        self.rests.append(seconds / 60)
        self.instant += timedelta(seconds=seconds)
        self.then(self.instant - self.start)

    def waiting(self, minutes: int) -> Waiting:
        return Waiting(timedelta(minutes=minutes), timedelta(minutes=10), lambda: self.instant, self.pause)


@pytest.fixture
def shut(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site that was there once; it is tried as often as ever, without the seconds between."""
    monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda _: 0.0)
    with serve_market(files) as served:
        return served


def run(site: Site, watch: Watch, *, minutes: int, series: tuple[Series, ...] = (LATE, PROMPT)):
    """The daily run as the deployed flow has it, inside a flow."""
    from prefect import flow

    from flows.day.run import run_series

    current = configuration({"source": site.url, "recipe": RECIPE})
    jobs = plan_jobs(current, series, as_of=None, now=watch.start)
    daily_run = flow(name="daily_run")(
        lambda: run_series(jobs, open_stores(current.places), watch.waiting(minutes))
    )
    return daily_run()


def test_a_late_file_is_polled_for_and_keeps_nobody_waiting(files: dict[str, bytes], ledger: Ledger) -> None:
    seen: list[tuple[bool, bool]] = []
    yesterday, files[file_name(LATE)] = files[file_name(LATE)], b"<html>maintenance</html>"

    def then(elapsed: timedelta) -> None:
        seen.append((ledger.forecasts(PROMPT).empty, ledger.forecasts(LATE).empty))
        if elapsed == timedelta(minutes=10):
            files[file_name(LATE)] = yesterday
        if elapsed == timedelta(minutes=30):
            files[file_name(LATE)] = market_file(LAST, LATE)

    watch = Watch(then)
    with serve_market(files) as site:
        daily_run = run(site, watch, minutes=320)
    assert daily_run.failures == {}
    assert [outcome.series for outcome in daily_run.outcomes] == [str(PROMPT), str(LATE)]
    assert watch.rests == [10, 10, 10]
    assert seen == [(False, True)] * 3, "the prompt one was forecast before the first rest"
    asked = [one.status for one in site.requests if one.path.endswith(file_name(LATE))]
    assert asked == [200, 200, 304, 200], "a page of maintenance, yesterday's file, the same, today's"
    rows = ledger.forecasts(LATE, model_ids=[MODEL])
    assert set(rows["as_of"].dt.date) == {LAST}
    assert set(rows["mode"]) == {"live"}
    assert set(rows["now"]) == {watch.start + timedelta(minutes=30)}


def test_a_file_that_never_comes_is_a_stale_day_with_an_alarm(site: Site, ledger: Ledger) -> None:
    from prefect.client.orchestration import get_client

    watch = Watch()
    daily_run = run(site, watch, minutes=25, series=(LATE,))
    assert watch.rests == [10, 10, 5]
    assert daily_run.outcomes == []
    message = str(daily_run.failures[str(LATE)])
    assert f"no candle of {LAST} after 25 minutes" in message
    assert daily_run.failures[str(LATE)].exit_code == 1
    assert ledger.forecasts(LATE).empty, "older data are not forecast as if they were today's"
    assert open_tracking(configuration().places).find_experiment(LATE.slug) is None
    with get_client(sync_client=True) as client:
        wanted = {"filter": {"key": {"any_": [f"{LATE.slug}-stale"]}}}
        artifacts = client._client.post("/artifacts/filter", json={"artifacts": wanted["filter"]}).json()
        assert message in artifacts[0]["data"]
        events = wait_for_events(client, f"coincast.series.{LATE.slug}")
    assert [(one["event"], one["payload"]["message"]) for one in events] == [
        ("coincast.alarm.stale-source", message)
    ]


def wait_for_events(client, resource: str) -> list[dict]:
    from time import monotonic, sleep

    deadline, found = monotonic() + 30, []
    wanted = {"resource": {"id": [resource]}, "event": {"prefix": ["coincast.alarm."]}}
    while not found and monotonic() < deadline:
        sleep(0.2)
        found = client._client.post("/events/filter", json={"filter": wanted}).json()["events"]
    return found


def test_a_source_that_stays_out_of_reach_is_a_stale_day_too(shut: Site) -> None:
    from prefect.client.orchestration import get_client

    daily_run = run(shut, Watch(), minutes=1, series=(SHUT,))
    assert isinstance(daily_run.failures[str(SHUT)], StaleSourceError)
    message = str(daily_run.failures[str(SHUT)])
    assert f"no candle of {LAST} after 1 minutes of waiting, it has never been read (" in message
    assert "Check the network and --source); nothing was forecast" in message
    with get_client(sync_client=True) as client:
        events = wait_for_events(client, f"coincast.series.{SHUT.slug}")
    assert [(one["event"], one["payload"]["message"]) for one in events] == [
        ("coincast.alarm.stale-source", message)
    ]


class Held(dict[str, bytes]):
    """Files of which one comes when it is let go."""

    released = threading.Event()

    def get(self, name: str, default: bytes | None = None) -> bytes | None:
        if name == file_name(LATE):
            assert self.released.wait(60)
        return super().get(name, default)


@pytest.mark.parametrize("minutes", [0, 320])
def test_a_slow_source_keeps_no_other_series_from_being_published(
    files: dict[str, bytes], ledger: Ledger, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    held = Held(files | {file_name(LATE): market_file(LAST, LATE)})
    held.released = threading.Event()
    monkeypatch.setattr("flows.day.run._TOGETHER_S", 0.2)
    publish, published = tasks.publish, []

    def told(days: list, stores: object) -> object:
        done = publish(days, stores)
        published.append([str(day.job.series) for day in days])
        held.released.set()
        return done

    monkeypatch.setattr(tasks, "publish", told)
    with serve_market(held) as site:
        daily_run = run(site, Watch(), minutes=minutes)
    assert daily_run.failures == {}
    assert published == [[str(PROMPT)], [str(LATE)]]
    assert not ledger.forecasts(LATE).empty


def broken_file(series: Series) -> bytes:
    """Has the day, and too few others for the contract."""
    candles = simulate_candles(seed=12, first=FIRST, last=LAST, price=20_000.0)
    return wire_format(candles.tail(20), series)


@pytest.mark.parametrize("mended", [True, False])
def test_a_file_that_fails_the_contract_is_looked_at_again(
    files: dict[str, bytes], ledger: Ledger, mended: bool
) -> None:
    def then(elapsed: timedelta) -> None:
        if mended and elapsed == timedelta(minutes=20):
            files[file_name(LATE)] = market_file(LAST, LATE)

    files[file_name(LATE)] = broken_file(LATE)
    watch = Watch(then)
    with serve_market(files) as site:
        daily_run = run(site, watch, minutes=25, series=(LATE,))
    if mended:
        assert (daily_run.failures, watch.rests) == ({}, [10, 10])
        assert set(ledger.forecasts(LATE)["now"]) == {watch.start + timedelta(minutes=20)}
        return
    assert (daily_run.outcomes, watch.rests) == ([], [10, 10, 5])
    failure = daily_run.failures[str(LATE)]
    assert isinstance(failure, StaleSourceError)
    assert f"no usable candle of {LAST} after 25 minutes" in str(failure)
    assert "30 candles" in str(failure)


def test_without_waiting_a_source_out_of_reach_raises_the_alarm(shut: Site) -> None:
    from prefect.client.orchestration import get_client

    daily_run = run(shut, Watch(), minutes=0, series=(GONE,))
    assert isinstance(daily_run.failures[str(GONE)], SourceError)
    with get_client(sync_client=True) as client:
        (event,) = wait_for_events(client, f"coincast.series.{GONE.slug}")
    assert event["event"] == "coincast.alarm.stale-source"
    assert f"no candle of {LAST}, it has never been read (" in event["payload"]["message"]


def test_without_waiting_the_file_is_what_it_is(files: dict[str, bytes]) -> None:
    from prefect import flow

    with serve_market(files) as site:
        current = configuration({"source": site.url, "recipe": RECIPE})
        (job,) = plan_jobs(current, [LATE], as_of=None, now=Watch().start)
        stores = open_stores(current.places)
        file = flow(name="look")(lambda: Wait(Waiting()).look(job, stores, Stopwatch()))()
    assert file is not None
    assert file.snapshot.last == LAST - timedelta(days=1)


def test_a_run_that_starts_a_day_late_may_do_nothing(files: dict[str, bytes]) -> None:
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow
    from prefect.states import Scheduled

    from flows.daily import daily

    today = datetime.now(UTC)
    files[file_name(PROMPT)] = market_file(today.date() - timedelta(days=1), PROMPT)
    with serve_market(files) as site, get_client(sync_client=True) as client:
        overrides = {"source": site.url, "recipe": RECIPE, "catch_up": "none"}
        parameters = {"series": [str(PROMPT)], "overrides": overrides}
        due = Scheduled(scheduled_time=today - timedelta(days=1))
        planned = client.create_flow_run(daily, parameters=parameters, state=due)
        outcomes = run_flow(daily, flow_run=planned, parameters=parameters)
    assert outcomes == []
    assert site.requests == []
