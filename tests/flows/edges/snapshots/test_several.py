"""Several sources of a series: whose candles are used, what is kept of each, and what was known when."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flows.edges.http.demo_site import Site, serve_market
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.snapshots.composition import Composition, Part, compose, part_names, part_series
from flows.edges.snapshots.download import Download
from flows.edges.snapshots.several import differing_days, download_from
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sources.registry import SOURCES, chosen
from pipeline.candles import read_candles
from pipeline.errors import DamagedSnapshotError, SourceError, StoreError
from pipeline.series import Series
from pipeline.settings import Settings
from pipeline.simulation import simulate_candles, wire_format
from tests.flows.edges.sources.archive_site import archive_files

pytestmark = pytest.mark.slow

BTC = Series.parse("binance/BTCUSDT/1d")
FIRST, TODAY = date(2024, 11, 17), date(2025, 3, 3)
YESTERDAY = TODAY - timedelta(days=1)
CANDLES = simulate_candles(seed=3, first=FIRST, last=date(2025, 3, 20), price=50_000.0)
HASTE = RetryPolicy(connect_s=2, read_s=2, total_s=10, retries=0, backoff_s=0.01, longest_wait_s=5)
DAILY = f"data/spot/daily/klines/BTCUSDT/1d/BTCUSDT-1d-{YESTERDAY}.zip"
HOLE = [date(2025, 1, day) for day in range(5, 25)]


def cdd(*, last: date, without: list[date] | None = None) -> dict[str, bytes]:
    stamps = [pd.Timestamp(day) for day in without or []]
    table = CANDLES[(CANDLES["date"] <= pd.Timestamp(last)) & ~CANDLES["date"].isin(stamps)]
    return {file_name(BTC): wire_format(table.reset_index(drop=True), BTC)}


def archive(today: date = TODAY, candles: pd.DataFrame = CANDLES) -> dict[str, bytes]:
    return archive_files(candles, BTC, today=today)


@pytest.fixture
def files() -> dict[str, bytes]:
    """The first source is a day late and has a hole; the archive has everything."""
    return {**cdd(last=YESTERDAY - timedelta(days=1), without=HOLE), **archive()}


@pytest.fixture
def site(files: dict[str, bytes]) -> Iterator[Site]:
    with serve_market(files) as served:
        yield served


@pytest.fixture
def store(own_engine: Engine, tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(own_engine, str(tmp_path / "snapshots"))


def at(day: date, hour: int = 3) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def both(site: Site, *, fills: str = "binance-archive") -> Settings:
    return Settings(source=site.url, sources=("cdd", f"binance-archive={site.url}"), fill_holes_from=fills)


NOW = at(TODAY)


def look(store: SnapshotStore, settings: Settings, *, now: datetime = NOW) -> Download:
    return download_from(BTC, chosen(settings, settings.source), store, now=now, limit_mb=1, policy=HASTE)


def closes(store: SnapshotStore, done: Download) -> pd.Series:
    return store.reading(done.snapshot).candles.set_index("date")["close"]


def expected(last: date, *, without: list[date] | None = None) -> pd.Series:
    kept = CANDLES.set_index("date")["close"][: pd.Timestamp(last)]
    return kept.drop([pd.Timestamp(day) for day in without or []])


def require_equal(received: pd.Series, right: pd.Series) -> None:
    assert received.index.tolist() == right.index.tolist()
    np.testing.assert_allclose(received, right, rtol=1e-6)


def test_the_second_gives_the_newest_day_and_holes_and_says_so(store: SnapshotStore, site: Site) -> None:
    done = look(store, both(site))
    require_equal(closes(store, done), expected(YESTERDAY))
    account = store.reading(done.snapshot).account
    days = [*HOLE, YESTERDAY]
    assert account.filled_from == {day.isoformat(): "binance-archive" for day in days}
    assert account.sources == ("cdd", "binance-archive")
    assert account.rows_read == account.rows_kept + sum(account.dropped.values())
    assert (account.rows_kept, account.missing, account.last) == (len(expected(YESTERDAY)), (), "2025-03-02")
    assert any("From binance-archive" in text for text in account.warnings)
    assert not any(text.startswith("Missing") for text in account.warnings)
    assert (done.snapshot.first, done.snapshot.last, done.snapshot.rows) == (
        FIRST,
        YESTERDAY,
        account.rows_kept,
    )


def test_without_a_filler_holes_stay_holes(store: SnapshotStore, site: Site) -> None:
    done = look(store, both(site, fills=""))
    require_equal(closes(store, done), expected(YESTERDAY, without=HOLE))
    account = store.reading(done.snapshot).account
    assert list(account.filled_from) == [YESTERDAY.isoformat()]
    assert account.missing == tuple(day.isoformat() for day in HOLE)


def test_a_filler_that_is_no_source_gives_no_newest_day(store: SnapshotStore, site: Site) -> None:
    choice = chosen(both(site), both(site).source)
    filler = replace(choice, order=("cdd",))
    done = download_from(BTC, filler, store, now=NOW, limit_mb=1, policy=HASTE)
    require_equal(closes(store, done), expected(YESTERDAY - timedelta(days=1)))


def test_what_the_first_has_whole_is_used_byte_for_byte(
    store: SnapshotStore, files: dict[str, bytes], site: Site
) -> None:
    files |= cdd(last=YESTERDAY)
    done = look(store, both(site))
    assert store.read(done.snapshot) == files[file_name(BTC)]
    assert store.reading(done.snapshot).account.filled_from == {}


def test_each_file_is_kept_as_it_was_served_and_the_same_look_changes_nothing(
    store: SnapshotStore, files: dict[str, bytes], site: Site
) -> None:
    first = look(store, both(site))
    count = len(store.list())
    again = look(store, both(site), now=at(TODAY, 4))
    assert (first.outcome, again.outcome, len(store.list())) == ("new", "unchanged", count)
    assert again.snapshot == first.snapshot
    base = store.latest(part_series(BTC, "cdd"))
    assert base is not None
    assert store.read(base) == files[file_name(BTC)]
    assert part_names(first.snapshot.url)[0] == hashlib.sha256(files[file_name(BTC)]).hexdigest()
    assert len(store.vintages(BTC)) == 1


def test_a_first_source_that_is_down_is_stood_in_for(
    store: SnapshotStore, files: dict[str, bytes], site: Site
) -> None:
    look(store, both(site))
    del files[file_name(BTC)]
    files |= archive(TODAY + timedelta(days=1))
    done = look(store, both(site), now=at(TODAY + timedelta(days=1)))
    require_equal(closes(store, done), expected(TODAY))


def test_a_first_source_that_was_never_there_is_stood_in_for(
    store: SnapshotStore, files: dict[str, bytes], site: Site
) -> None:
    del files[file_name(BTC)]
    done = look(store, both(site))
    require_equal(closes(store, done), expected(YESTERDAY))
    assert store.reading(done.snapshot).account.sources == ("binance-archive",)


def test_where_neither_has_the_newest_day_the_first_ones_fault_stands(
    store: SnapshotStore, files: dict[str, bytes], site: Site
) -> None:
    look(store, both(site))
    files[file_name(BTC)] = b"<html>maintenance</html>"
    with pytest.raises(SourceError, match="web page"):
        look(store, both(site), now=at(TODAY + timedelta(days=1)))


def test_a_second_source_that_is_damaged_leaves_what_the_first_has_and_is_told(
    store: SnapshotStore, files: dict[str, bytes], site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    files[f"{DAILY}.CHECKSUM"] = b"0" * 64 + f"  {DAILY.rpartition('/')[2]}\n".encode()
    done = look(store, both(site))
    require_equal(closes(store, done), expected(YESTERDAY - timedelta(days=1), without=HOLE))
    assert "binance-archive cannot be used now" in caplog.text
    assert "SHA-256" in caplog.text


def test_a_series_of_another_exchange_has_the_first_source_alone(store: SnapshotStore, site: Site) -> None:
    kraken = Series.parse("kraken/XRPUSD/1d")
    files = {file_name(kraken): wire_format(CANDLES, kraken)}
    with serve_market(files) as served:
        settings_ = both(served)
        done = download_from(
            kraken,
            chosen(settings_, settings_.source),
            store,
            now=at(date(2025, 3, 21)),
            limit_mb=1,
            policy=HASTE,
        )
    assert store.read(done.snapshot) == files[file_name(kraken)]


def test_pruning_keeps_the_parts_of_what_is_kept(
    store: SnapshotStore, files: dict[str, bytes], site: Site
) -> None:
    named = look(store, both(site)).snapshot
    later = TODAY + timedelta(days=2)
    files |= {**cdd(last=TODAY, without=HOLE), **archive(later)}
    look(store, both(site), now=at(later))
    third = later + timedelta(days=1)
    files |= {**cdd(last=later, without=HOLE), **archive(third)}
    newest = look(store, both(site), now=at(third)).snapshot
    done = store.prune(keep=[named.sha256], before=datetime(2099, 1, 1, tzinfo=UTC), dry_run=False)
    assert len(done.snapshots) == 3
    require_equal(closes(store, Download(named, "new")), expected(YESTERDAY))
    require_equal(closes(store, Download(newest, "new")), expected(later))
    assert store.verify().damaged == ()


@pytest.mark.parametrize("number", [0, 1])
def test_damage_in_a_part_is_told_and_healed_by_the_next_look(
    store: SnapshotStore, site: Site, tmp_path: Path, number: int
) -> None:
    done = look(store, both(site))
    name = part_names(done.snapshot.url)[number]
    [path] = (tmp_path / "snapshots").rglob(f"{name}*")
    path.write_bytes(b"other")
    with pytest.raises(DamagedSnapshotError, match=name[:12]):
        store.reading(done.snapshot)
    with pytest.raises(StoreError, match=name[:12]):
        store.read(done.snapshot)
    assert [one.snapshot.sha256 for one in store.verify().damaged] == [name]
    require_equal(closes(store, look(store, both(site), now=at(TODAY, 4))), expected(YESTERDAY))


def test_closes_that_differ_are_found_on_the_last_days(
    store: SnapshotStore, files: dict[str, bytes], site: Site
) -> None:
    moved = CANDLES.copy()
    moved.loc[moved["date"] == pd.Timestamp("2025-02-20"), "close"] *= 1.006
    moved.loc[moved["date"] == pd.Timestamp("2025-02-21"), "close"] *= 1.004
    moved.loc[moved["date"] == pd.Timestamp("2024-12-20"), "close"] *= 1.1
    files |= archive(candles=moved)
    settings_ = both(site)
    look(store, settings_)
    found = differing_days(BTC, chosen(settings_, settings_.source), store, bound=0.005, days=30)
    [(source, days)] = found.items()
    assert (source, list(days)) == ("binance-archive", [date(2025, 2, 20)])
    used, other = days[date(2025, 2, 20)]
    assert other / used == pytest.approx(1.006)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lags=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=4))
def test_what_was_known_at_an_instant_holds_no_day_that_came_later(
    own_engine: Engine, tmp_path_factory: pytest.TempPathFactory, lags: list[tuple[int, int]]
) -> None:
    """Whatever is late when: nobody sees more at an instant than the files that were fetched by then hold."""
    store = SnapshotStore(own_engine, str(tmp_path_factory.mktemp("snapshots")))
    series = Series("binance", f"C{hashlib.sha256(repr(lags).encode()).hexdigest()[:8].upper()}USDT")
    young = CANDLES[CANDLES["date"] >= pd.Timestamp("2025-02-20")]
    served: dict[str, bytes] = {}
    seen: list[tuple[datetime, date]] = []
    first_end = second_end = date(2025, 2, 24)
    with serve_market(served) as site:
        settings_ = both(site)
        for number, (first_lag, second_lag) in enumerate(lags):
            today = TODAY + timedelta(days=number)
            # A source that is late gives what it had, and takes nothing back.
            first_end = max(first_end, today - timedelta(days=first_lag))
            second_end = max(second_end, today - timedelta(days=second_lag))
            served[file_name(series)] = wire_format(young[young["date"] < pd.Timestamp(first_end)], series)
            served |= archive_files(young, series, today=second_end)
            download_from(
                series, chosen(settings_, settings_.source), store, now=at(today), limit_mb=1, policy=HASTE
            )
            seen.append((at(today), max(first_end, second_end) - timedelta(days=1)))
    for instant, newest in seen:
        known = store.latest(series, known_at=instant)
        assert known is not None
        assert store.reading(known).candles["date"].iloc[-1].date() == newest
    assert store.latest(series, known_at=at(TODAY) - timedelta(seconds=1)) is None


DAYS = st.integers(0, 59)


@settings(max_examples=40, deadline=None)
@given(mine=st.sets(DAYS, min_size=2), theirs=st.sets(DAYS))
def test_a_composition_is_the_base_and_the_named_days(mine: set[int], theirs: set[int]) -> None:
    def table(numbers: set[int]) -> bytes:
        rows = [f"{FIRST + timedelta(days=one)},1,2,1,{1 + one / 100},5,5,5" for one in sorted(numbers)]
        return "\n".join(["date,open,high,low,close,volume_base,volume_quote,trades", *rows, ""]).encode()

    # Files whose bars are a day apart: sparser ones are refused before they are composed.
    mine, theirs = mine | set(range(40)), theirs | set(range(20, 50))
    added = theirs - mine
    others = (Part("b", "2", tuple((FIRST + timedelta(days=one)).isoformat() for one in sorted(added))),)
    composition = Composition(Part("a", "1"), others if added else ())
    assert Composition.read(composition.as_bytes()) == composition
    readings = [read_candles(table(one), series=BTC) for one in (mine, *([theirs] if added else []))]
    result = compose(composition, readings, BTC)
    assert [(stamp.date() - FIRST).days for stamp in result.candles["date"]] == sorted(mine | added)
    whole = read_candles(table(mine | added), series=BTC)
    assert (result.account.missing, result.account.first, result.account.last, result.account.rows_kept) == (
        whole.account.missing,
        whole.account.first,
        whole.account.last,
        whole.account.rows_kept,
    )


def test_the_names_that_settings_know_are_those_of_the_registry() -> None:
    from pipeline.addresses.named_address import SOURCE_NAMES

    assert tuple(SOURCES) == SOURCE_NAMES
