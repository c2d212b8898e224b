"""Which snapshots may be used, on both databases, by a history of looks at a source and what a person says of it."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from flows.edges.snapshots.index import Fetch, Judgement
from flows.edges.snapshots.judging import suspects, usable_from
from flows.edges.snapshots.store import Snapshot, SnapshotStore
from flows.edges.sql.database import open_database, reading, writing
from flows.edges.sql.schema import MIGRATIONS
from pipeline.candles import read_candles
from pipeline.candles.columns import DATE, PRICES
from pipeline.errors import StoreError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

BTC = Series.parse("binance/BTCUSDT/1d")
URL = "https://vendor.example/cdd/Binance_BTCUSDT_d.csv"
MARKET = simulate_candles(seed=5, first=date(2025, 6, 1), last=date(2026, 3, 31), price=50_000.0)


def at(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, number, hour, 20, tzinfo=UTC)


def until(number: int) -> pd.DataFrame:
    """Candles that a file of that day of March has."""
    return MARKET[MARKET[DATE] < pd.Timestamp(date(2026, 3, number))]


def scaled(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: table[name] / 1000 for name in PRICES})


class Vendor:
    """A store, and files that a vendor serves."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.store = SnapshotStore(engine, str(folder))

    def serve(self, table: pd.DataFrame, when: datetime) -> Snapshot:
        content = wire_format(table.reset_index(drop=True), BTC)
        with self.store.staged() as file:
            file.write(content)
            file.flush()
            return self.store.add(
                Path(file.name),
                series=BTC,
                url=URL,
                fetched_at=when,
                etag="",
                last_modified="",
                account=read_candles(content, series=BTC, fetched_at=when).account,
            )

    def verdicts(self) -> list[str]:
        return [one.verdict for one in self.store._index.judgements(BTC)]

    def damage(self, snapshot: Snapshot) -> None:
        next(self.folder.rglob(f"{snapshot.sha256}.csv.gz")).write_bytes(b"damaged")


@pytest.fixture
def vendor(database_url: str, tmp_path: Path) -> Iterator[Vendor]:
    engine = open_database(database_url)
    yield Vendor(engine, tmp_path / "snapshots")
    engine.dispose()


def test_half_a_file_is_kept_and_not_used_until_a_person_accepts_it(vendor: Vendor) -> None:
    store = vendor.store
    good = vendor.serve(until(10), at(10))
    half = vendor.serve(until(11).tail(100), at(11))
    assert store.latest(BTC) == good
    suspicion = store.suspicion(BTC)
    assert suspicion is not None
    assert (suspicion.sha256, suspicion.against, suspicion.judged_at) == (half.sha256, good.sha256, at(11))
    assert suspicion.reason == "183 of 282 days are gone (2025-06-01 to 2025-11-30)"
    assert hashlib.sha256(store.read(half)).hexdigest() == half.sha256
    assert store.list(BTC) == (good, half)
    assert [one.snapshot for one in store.vintages(BTC)] == [good]

    assert store.accept(half, now=at(12))
    assert not store.accept(half, now=at(13))
    assert store.latest(BTC) == half
    assert store.suspicion(BTC) is None
    assert [(one.since, one.snapshot) for one in store.vintages(BTC)] == [(at(10), good), (at(12), half)]
    assert (store.usable_since(good), store.usable_since(half)) == (at(10), at(12))


def test_what_was_known_at_an_instant_is_what_could_be_used_then(vendor: Vendor) -> None:
    good = vendor.serve(until(10), at(10))
    half = vendor.serve(until(11).tail(100), at(11))
    vendor.store.accept(half, now=at(13))
    newer = vendor.serve(until(14), at(14))
    known = [vendor.store.latest(BTC, known_at=at(number)) for number in (9, 10, 11, 12, 13, 14)]
    assert known == [None, good, good, good, half, newer]


def test_a_whole_file_heals_and_is_held_against_the_last_good_one(vendor: Vendor) -> None:
    vendor.serve(until(10), at(10))
    vendor.serve(until(11).tail(100), at(11))
    vendor.serve(until(12).tail(150), at(12))
    whole = vendor.serve(until(13), at(13))
    assert vendor.store.latest(BTC) == whole
    assert vendor.store.suspicion(BTC) is None
    assert vendor.verdicts() == ["suspect", "suspect"]


def test_the_same_suspect_bytes_again_stay_suspect_and_are_judged_once(vendor: Vendor) -> None:
    good = vendor.serve(until(10), at(10))
    for number in (11, 12, 13):
        half = vendor.serve(until(11).tail(100), at(number))
        vendor.store.see_again(Fetch(half.sha256, BTC, URL, at(number, 12), "", ""))
    assert vendor.store.latest(BTC) == good
    assert vendor.verdicts() == ["suspect"]
    suspicion = vendor.store.suspicion(BTC)
    assert suspicion is not None
    assert suspicion.judged_at == at(11)
    assert len(vendor.store.list(BTC)) == 2


def test_an_old_file_that_comes_back_is_suspect_from_then_on_only(vendor: Vendor) -> None:
    old = vendor.serve(until(2), at(2))
    new = vendor.serve(until(20), at(20))
    assert vendor.serve(until(2), at(21)) == old
    assert vendor.store.latest(BTC) == new
    assert vendor.store.suspicion(BTC) is not None
    assert vendor.store.latest(BTC, known_at=at(19)) == old
    assert [one.snapshot for one in vendor.store.vintages(BTC)] == [old, new]
    assert vendor.serve(until(20), at(22)) == new
    assert vendor.store.suspicion(BTC) is None


def test_files_like_an_accepted_one_are_usable_and_a_suspect_one_is_judged_anew(vendor: Vendor) -> None:
    vendor.serve(until(10), at(10))
    first = vendor.serve(scaled(until(11)), at(11))
    second = vendor.serve(scaled(until(12)), at(12))
    vendor.store.accept(first, now=at(12, 12))
    assert vendor.store.latest(BTC) == first
    assert vendor.serve(scaled(until(12)), at(13)) == second
    assert vendor.store.latest(BTC) == second
    assert vendor.verdicts() == ["suspect", "suspect", "accepted", "usable"]
    assert vendor.store.usable_since(second) == at(13)
    assert vendor.serve(scaled(until(14)), at(14)) == vendor.store.latest(BTC)


def test_an_accepted_file_stays_accepted_whatever_comes(vendor: Vendor) -> None:
    vendor.serve(until(10), at(10))
    half = vendor.serve(until(11).tail(100), at(11))
    vendor.store.accept(half, now=at(11, 12))
    vendor.serve(until(12), at(12))
    vendor.serve(until(11).tail(100), at(13))
    assert vendor.store.latest(BTC) == half
    assert vendor.verdicts() == ["suspect", "accepted"]


def test_the_first_file_is_good_and_a_damaged_last_good_one_gives_way_to_the_one_before(
    vendor: Vendor,
) -> None:
    early = vendor.serve(until(5), at(5))
    good = vendor.serve(until(10), at(10))
    vendor.damage(good)
    half = vendor.serve(until(11).tail(100), at(11))
    suspicion = vendor.store.suspicion(BTC)
    assert suspicion is not None
    assert suspicion.against == early.sha256
    vendor.damage(early)
    assert vendor.store.latest(BTC) == good
    assert vendor.store.find(half.sha256) == half
    with pytest.raises(StoreError, match="is damaged"):
        vendor.store.accept(good, now=at(12))
    # With nothing left to be held against, a file is what it is.
    fresh = vendor.serve(until(12).tail(100), at(12))
    assert vendor.store.latest(BTC) == fresh


def test_pruning_keeps_what_is_used_although_the_source_has_had_something_else_for_long(
    vendor: Vendor,
) -> None:
    old = vendor.serve(until(2), at(2))
    good = vendor.serve(until(3), at(3))
    first, last = (vendor.serve(until(number).tail(100), at(number)) for number in (4, 5))
    done = vendor.store.prune(keep=(), before=at(30), dry_run=False)
    assert {one.sha256 for one in done.snapshots} == {old.sha256, first.sha256}
    assert vendor.store.stored() == {good.sha256, last.sha256}
    assert vendor.store.latest(BTC) == good


def test_two_looks_at_once_find_one_suspect(vendor: Vendor) -> None:
    good = vendor.serve(until(10), at(10))
    with ThreadPoolExecutor(4) as threads:
        halves = list(
            threads.map(
                lambda minute: vendor.serve(until(11).tail(100), at(11) + timedelta(minutes=minute)), range(8)
            )
        )
    assert len({one.sha256 for one in halves}) == 1
    assert vendor.store.latest(BTC) == good
    assert set(vendor.verdicts()) == {"suspect"}
    assert vendor.store.accept(halves[0], now=at(12))
    assert vendor.store.latest(BTC) == halves[0]


@pytest.mark.parametrize(
    "change", ["DELETE FROM snapshot_judgements", "UPDATE snapshot_judgements SET verdict = 'accepted'"]
)
def test_judgements_are_only_ever_added(vendor: Vendor, change: str) -> None:
    vendor.serve(until(10), at(10))
    vendor.serve(until(11).tail(100), at(11))
    with pytest.raises(StoreError, match="only grows"), writing(vendor.engine) as connection:
        connection.execute(sa.text(change))
    assert vendor.verdicts() == ["suspect"]


def test_a_database_of_the_revision_before_is_migrated_and_its_snapshots_stay_usable(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was: the revision before this one, with a snapshot and its look."""
    older = tmp_path / "migrations"
    _copy_of_older(older)
    with monkeypatch.context() as patch:
        patch.setattr("flows.edges.sql.schema.MIGRATIONS", older)
        engine = open_database(database_url)
    assert "snapshot_judgements" not in sa.inspect(engine).get_table_names()
    content = wire_format(until(10).reset_index(drop=True), BTC)
    sha256 = hashlib.sha256(content).hexdigest()
    row = {"series": str(BTC), "sha256": sha256, "url": URL, "fetched_at": at(10).replace(tzinfo=None), "etag": "",
           "last_modified": ""}  # fmt: skip
    more = {"size": len(content), "rows": 282, "first": date(2025, 6, 1), "last": date(2026, 3, 9)}
    with writing(engine) as connection:
        for name, values in (("snapshots", {**row, **more}), ("fetches", row)):
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            connection.execute(table.insert(), values)
    engine.dispose()

    vendor = Vendor(open_database(database_url), tmp_path / "snapshots")
    vendor.store._objects.put(sha256, content)
    good = vendor.store.latest(BTC)
    assert good is not None
    assert good.sha256 == sha256
    vendor.serve(until(11).tail(100), at(11))
    assert vendor.store.latest(BTC) == good
    with reading(vendor.engine) as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() >= "0005"
    vendor.engine.dispose()


def _copy_of_older(folder: Path) -> None:
    for path in MIGRATIONS.rglob("*.py"):
        if not path.name[:4].isdecimal() or path.name < "0005":
            copy = folder / path.relative_to(MIGRATIONS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


Event = tuple[int, str, str]
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 12), st.sampled_from("abc"), st.sampled_from(["look", "suspect", "usable", "accepted"])
    ),
    max_size=14,
)


def naive(events: list[Event], now: int) -> str | None:
    """By a loop over everything that happened by then."""
    past = [event for event in events if event[0] <= now]
    says: dict[str, str] = {}
    for _, name, what in past:
        if what != "look" and says.get(name) != "accepted":
            says[name] = what
    looks = [name for _, name, what in past if what == "look" and says.get(name) != "suspect"]
    return looks[-1] if looks else None


@given(EVENTS)
def test_at_every_instant_the_last_look_at_what_was_usable_then_counts(events: list[Event]) -> None:
    # One that nobody doubts came first: a file is held against a usable one.
    events = [(0, "z", "look"), *sorted(events, key=lambda event: event[0])]
    fetches = [Fetch(name, BTC, URL, at(1 + hour), "", "") for hour, name, what in events if what == "look"]
    judgements = [
        Judgement(name, BTC, what, "", "", at(1 + hour)) for hour, name, what in events if what != "look"
    ]
    changes = usable_from(fetches, judgements)
    assert list(changes) == sorted(changes)
    assert all(before[1] != after[1] for before, after in pairwise(changes))
    for hour in range(13):
        used = [name for since, name in changes if since <= at(1 + hour)]
        assert (used[-1] if used else None) == naive(events, hour)
        barred = suspects(judgements, at=at(1 + hour))
        looks = [one.sha256 for one in fetches if one.fetched_at <= at(1 + hour) and one.sha256 not in barred]
        assert (looks[-1] if looks else None) == naive(events, hour)
