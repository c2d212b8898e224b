"""Units in both databases: each is made once, whoever works and whoever dies."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from flows.edges.backfill_store.tables import backfill_units
from flows.edges.backfill_store.units import MOST_ATTEMPTS, Backfill, BackfillUnits, Claim
from flows.edges.sql.database import open_database
from pipeline.backfill.description import Timings
from pipeline.backfill.plan import BackfillRequest, Unit
from pipeline.errors import InputError
from pipeline.series import Series

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
LEASE_S = 60.0
SERIES = "binance/BTCUSDT/1d"
FIRST = date(2025, 1, 1)
_numbers = itertools.count(1)

WORKER = """
import sys
from datetime import UTC, datetime
from flows.edges.backfill_store.units import BackfillUnits
from flows.edges.sql.database import open_database
units = BackfillUnits(open_database(sys.argv[1]))
found = units.find(sys.argv[2])
print("ready", flush=True)
input()
for chunk in range(int(sys.argv[4])):
    while claim := units.claim(found, chunk, owner=sys.argv[3], now=datetime.now(UTC)):
        print(claim.as_of, flush=True)
        assert units.end(claim, "done", owner=sys.argv[3], now=datetime.now(UTC))
"""


@pytest.fixture(scope="module")
def engine(shared_database_url: str) -> Iterator[sa.Engine]:
    opened = open_database(shared_database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def units(engine: sa.Engine) -> BackfillUnits:
    return BackfillUnits(engine)


def add(units: BackfillUnits, *, days: int = 6, chunk_days: int = 3, model_id: str = "") -> Backfill:
    number = next(_numbers)
    request = BackfillRequest(
        series=(SERIES,), first=FIRST, last=FIRST + timedelta(days=days - 1), source="x", recipe="tiny-range"
    )
    backfill = Backfill(
        id=f"b{number}",
        request=request,
        recipe={"name": "tiny-range"},
        model_id=model_id or f"coincast-m{number}",
        now=NOON,
        created_at=NOON + timedelta(seconds=number),
        lease_s=LEASE_S,
        run_id="run",
    )
    planned = [
        Unit(SERIES, day, day, "create", snapshot="a" * 64, chunk=offset // chunk_days)
        for offset, day in enumerate(request.days)
    ]
    planned[-1] = Unit(SERIES, planned[-1].as_of, planned[-1].as_of, "skip", "done")
    planned[-2] = Unit(SERIES, planned[-2].as_of, planned[-2].as_of, "refuse", "in a hole of the candles")
    units.add(backfill, planned)
    return backfill


def test_a_backfill_is_kept_as_it_was_asked_for(units: BackfillUnits) -> None:
    backfill = add(units)
    assert units.find(backfill.id) == backfill
    assert units.find("last") == backfill
    assert units.counts(backfill.id) == {
        "pending": 4, "running": 0, "done": 1, "failed": 0, "refused": 1, "cancelled": 0
    }  # fmt: skip
    with pytest.raises(InputError, match=r"No backfill is named 'nonsense'; the newest are b"):
        units.find("nonsense")


def test_a_claimed_unit_is_nobody_elses_until_its_lease_ran_out(units: BackfillUnits) -> None:
    backfill = add(units)
    claim = units.claim(backfill, 0, owner="a", now=NOON)
    assert claim is not None
    assert (claim.series, claim.as_of) == (Series.parse(SERIES), FIRST)
    assert units.claim(backfill, 0, owner="b", now=NOON) is None
    assert units.open_chunks(backfill.id, now=NOON) == [1]
    assert units.live_chunks(backfill.id, now=NOON) == {0}
    other = units.claim(backfill, 1, owner="b", now=NOON)
    assert other is not None
    late = NOON + timedelta(seconds=LEASE_S + 1)
    assert units.open_chunks(backfill.id, now=late) == [0, 1]
    assert units.live_chunks(backfill.id, now=late) == set()
    taken = units.claim(backfill, 0, owner="b", now=late)
    assert taken is not None
    assert taken.id == claim.id
    assert not units.end(claim, "done", owner="a", now=late)
    assert units.end(taken, "done", owner="b", now=late, fit_s=2.0, total_s=2.5)
    first = units.rows(backfill.id)[0]
    assert (first["status"], first["attempts"], first["fit_s"], first["lease_owner"]) == (
        "done",
        2,
        2.0,
        None,
    )


def test_a_lease_that_is_renewed_does_not_run_out(units: BackfillUnits) -> None:
    backfill = add(units)
    claim = units.claim(backfill, 0, owner="a", now=NOON)
    assert claim is not None
    units.renew(backfill, owner="a", now=NOON + timedelta(seconds=50))
    later = NOON + timedelta(seconds=100)
    assert units.claim(backfill, 0, owner="b", now=later) is None
    assert units.end(claim, "done", owner="a", now=later)


def test_a_unit_that_kills_its_workers_is_given_up(units: BackfillUnits) -> None:
    backfill, now = add(units, days=4), NOON
    claimed = set()
    for number in range(MOST_ATTEMPTS):
        claim = units.claim(backfill, 0, owner=f"w{number}", now=now)
        assert claim is not None
        claimed.add(claim.as_of)
        now += timedelta(seconds=LEASE_S + 1)
    assert claimed == {FIRST}
    follower = units.claim(backfill, 0, owner="last", now=now)
    assert follower is not None
    assert follower.as_of == FIRST + timedelta(days=1)
    first = units.rows(backfill.id)[0]
    assert (first["status"], first["why"]) == ("failed", "its worker died 3 times")


def test_cancel_leaves_what_is_in_work_and_resume_takes_the_rest_up_again(units: BackfillUnits) -> None:
    backfill = add(units)
    claim = units.claim(backfill, 0, owner="a", now=NOON)
    assert claim is not None
    assert units.cancel(backfill.id, now=NOON) == 3
    assert units.open_chunks(backfill.id, now=NOON) == []
    assert units.unfinished_chunks(backfill.id) == {0}
    assert units.end(claim, "failed", owner="a", now=NOON, why="it diverged")
    assert units.reopen(backfill.id, "cancelled") == 3
    assert units.counts(backfill.id)["failed"] == 1
    assert units.failed_days(Series.parse(SERIES), backfill.model_id, since=FIRST, until=FIRST) == {FIRST}
    assert units.reopen(backfill.id, "failed") == 1
    assert units.reopen(backfill.id, "refused", "done") == 0
    assert units.counts(backfill.id)["pending"] == 4


def test_a_day_that_was_made_since_it_failed_has_not_failed(units: BackfillUnits) -> None:
    tried, now = add(units), NOON
    days: list[frozenset[date]] = []
    for backfill, status in (
        (tried, "failed"), (add(units, model_id=tried.model_id), "done"), (add(units), "done"),
        (add(units, model_id=tried.model_id), "failed"), (add(units, model_id=tried.model_id), "refused"),
    ):  # fmt: skip
        claim, now = units.claim(backfill, 0, owner="a", now=now), now + timedelta(minutes=1)
        assert claim is not None
        units.end(claim, status, owner="a", now=now)
        days.append(units.failed_days(Series.parse(SERIES), tried.model_id, since=FIRST, until=FIRST))
    assert days == [{FIRST}, set(), set(), {FIRST}, set()]


def test_two_workers_never_hold_units_of_one_chunk(units: BackfillUnits) -> None:
    backfill, at_once = add(units, days=42, chunk_days=40), 8
    start = Barrier(at_once)

    def claim(number: int) -> Claim | None:
        start.wait()
        return units.claim(backfill, 0, owner=f"w{number}", now=NOON)

    for _ in range(5):
        with ThreadPoolExecutor(at_once) as workers:
            claims = list(workers.map(claim, range(at_once)))
        ((owner, held),) = [(f"w{number}", one) for number, one in enumerate(claims) if one]
        assert units.end(held, "done", owner=owner, now=NOON)


def test_leases_go_by_the_databases_clock_where_it_has_one(
    units: BackfillUnits, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines' clocks differ; a file's readers are on one machine."""
    ahead = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr("flows.edges.sql.database.clock", lambda: ahead)
    shared = engine.dialect.name == "postgresql"
    assert (abs(units.now() - datetime.now(UTC)) < timedelta(seconds=30)) == shared
    assert (units.now() == ahead) != shared


def test_timings_are_those_of_the_models_earlier_units(units: BackfillUnits) -> None:
    backfill = add(units)
    assert units.timings(backfill.model_id) is None
    for fit_s, total_s in ((10.0, 10.5), (None, 0.5), (14.0, 14.5)):
        claim = units.claim(backfill, 0, owner="a", now=NOON)
        assert claim is not None
        units.end(claim, "done", owner="a", now=NOON, fit_s=fit_s, total_s=total_s)
    assert units.timings(backfill.model_id) == Timings(fit=12.0, rest=0.5)


@pytest.mark.parametrize("change", [{"status": "lost"}, {"status": "running"}, {"lease_until": NOON}])
def test_a_state_that_cannot_be_is_refused(
    units: BackfillUnits, engine: sa.Engine, change: dict[str, object]
) -> None:
    backfill = add(units)
    mine = backfill_units.update().where(backfill_units.c.backfill_id == backfill.id)
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(mine.values(**change))


def test_several_processes_claim_each_unit_exactly_once(
    units: BackfillUnits, shared_database_url: str
) -> None:
    backfill = add(units, days=202, chunk_days=10)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, shared_database_url, backfill.id, f"w{number}", "21"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [worker.communicate(timeout=120)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4
    claimed = [day for days in told for day in days]
    assert len(claimed) == len(set(claimed)) == 200
    assert {row["attempts"] for row in units.rows(backfill.id) if row["chunk"] is not None} == {1}
