import hashlib
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from flows.edges.http.demo_site import Site, serve_market
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.snapshots.download import Download, download
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.binance_archive import BinanceArchive
from pipeline.errors import SourceError, UnknownSeriesError
from pipeline.series import Series
from pipeline.simulation import simulate_candles
from tests.flows.edges.sources.archive_site import archive_files, kline, with_checksum, zipped

pytestmark = pytest.mark.slow

BTC = Series.parse("binance/BTCUSDT/1d")
FIRST, TODAY = date(2024, 11, 17), date(2025, 3, 3)
HASTE = RetryPolicy(connect_s=2, read_s=2, total_s=10, retries=1, backoff_s=0.01, longest_wait_s=5)
CANDLES = simulate_candles(seed=3, first=FIRST, last=date(2025, 4, 10), price=50_000.0)
MONTHLY = "data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2025-01.zip"
DAILY = "data/spot/daily/klines/BTCUSDT/1d/BTCUSDT-1d-2025-03-02.zip"


def site_of(today: date, candles: pd.DataFrame = CANDLES) -> dict[str, bytes]:
    return archive_files(candles, BTC, today=today)


@pytest.fixture
def store(own_engine: Engine, tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(own_engine, str(tmp_path / "snapshots"))


def look(store: SnapshotStore, base: str, *, today: date = TODAY, series: Series = BTC) -> Download:
    now = datetime(today.year, today.month, today.day, 3, tzinfo=UTC)
    return download(series, base, store, now=now, limit_mb=1, policy=HASTE, source=BinanceArchive())


def require_closes(store: SnapshotStore, done: Download, *, last: date) -> None:
    """Every day once, with the close that was put there, across the change from milliseconds to microseconds."""
    expected = CANDLES[CANDLES["date"] <= pd.Timestamp(last)]
    candles = store.reading(done.snapshot).candles
    assert candles["date"].tolist() == expected["date"].tolist()
    np.testing.assert_allclose(candles["close"], expected["close"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(candles["volume_base"], 100.0)
    np.testing.assert_allclose(candles["volume_quote"], 100 * expected["close"], rtol=1e-9)


def test_months_and_days_become_one_file_with_exact_days(store: SnapshotStore) -> None:
    with serve_market(site_of(TODAY)) as site:
        done = look(store, site.url)
    require_closes(store, done, last=date(2025, 3, 2))
    assert done.snapshot.first == FIRST
    assert sum(one.status == 404 for one in site.requests) <= 4


def asked(site: Site) -> list[str]:
    return [one.path.rpartition("/")[2] for one in site.requests]


def test_a_night_asks_for_what_is_new_only(store: SnapshotStore) -> None:
    files = site_of(TODAY)
    with serve_market(files) as site:
        look(store, site.url)
        site.requests.clear()
        again = look(store, site.url)
        assert asked(site) == ["BTCUSDT-1d-2025-02.zip.CHECKSUM"]
        site.requests.clear()
        files |= site_of(date(2025, 3, 4))
        next_day = look(store, site.url, today=date(2025, 3, 4))
        assert asked(site) == [
            "BTCUSDT-1d-2025-02.zip.CHECKSUM",
            "BTCUSDT-1d-2025-03-03.zip.CHECKSUM",
            "BTCUSDT-1d-2025-03-03.zip",
        ]
    assert (again.outcome, next_day.outcome) == ("unchanged", "new")
    require_closes(store, next_day, last=date(2025, 3, 3))


def test_a_file_of_a_month_replaces_those_of_its_days(store: SnapshotStore) -> None:
    files = site_of(date(2025, 2, 28))
    with serve_market(files) as site:
        look(store, site.url, today=date(2025, 2, 28))
        rows = [kline(date(2025, 2, day), 7_000.0 + day) for day in range(1, 29)]
        stem = "BTCUSDT-1d-2025-02"
        files |= with_checksum(f"data/spot/monthly/klines/BTCUSDT/1d/{stem}.zip", zipped(stem, rows))
        store.accept(look(store, site.url, today=date(2025, 3, 1)).snapshot, now=datetime.now(UTC))
    [_, newest] = store.list(BTC)
    february = store.reading(newest).candles.set_index("date").loc["2025-02", "close"]
    assert february.tolist() == [7_000.0 + day for day in range(1, 29)]


def test_nights_that_were_missed_are_caught_up_by_months(store: SnapshotStore) -> None:
    early, late = date(2024, 12, 20), date(2025, 4, 11)
    files = site_of(early)
    with serve_market(files) as site:
        look(store, site.url, today=early)
        files |= site_of(late)
        done = look(store, site.url, today=late)
    require_closes(store, done, last=date(2025, 4, 10))


def test_the_months_file_that_is_late_is_made_up_for_by_days(store: SnapshotStore) -> None:
    files = {name: content for name, content in site_of(TODAY).items() if "1d-2025-02.zip" not in name}
    with serve_market(files) as site:
        require_closes(store, look(store, site.url), last=date(2025, 3, 2))


def test_a_folder_of_the_same_layout_is_a_source(store: SnapshotStore, tmp_path: Path) -> None:
    for name, content in site_of(TODAY).items():
        path = tmp_path / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    require_closes(store, look(store, str(tmp_path / "mirror")), last=date(2025, 3, 2))


def resealed(path: str, content: bytes) -> dict[str, bytes]:
    return with_checksum(path, content)


def two_members() -> bytes:
    into = BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("BTCUSDT-1d-2025-03-02.csv", kline(date(2025, 3, 2), 1.0))
        archive.writestr("../../evil.csv", "x")
    return into.getvalue()


STEM = "BTCUSDT-1d-2025-03-02"
ROW = kline(date(2025, 3, 2), 50_000.0)
LATER = f"{int(ROW[:16]) + 3_600_000_000}{ROW[16:]}"
FAULTS: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "another checksum": (lambda f: {f"{DAILY}.CHECKSUM": b"0" * 64 + f"  {STEM}.zip".encode()}, "SHA-256"),
    "truncated": (lambda f: {DAILY: f[DAILY][:-30]}, "SHA-256"),
    "a checksum that is a page": (lambda f: {f"{DAILY}.CHECKSUM": b"<html>"}, "a file name are expected"),
    "a checksum of another file": (lambda f: {f"{DAILY}.CHECKSUM": b"0" * 64 + b"  ETHUSDT.zip"}, "another file"),
    "no ZIP": (lambda f: resealed(DAILY, b"open,close\n"), "a ZIP file is expected"),
    "a broken ZIP": (lambda f: resealed(DAILY, f[DAILY][:-30]), "a ZIP file is expected"),
    "a bomb": (lambda f: resealed(DAILY, zipped(STEM, ["0" * 2**22])), "at most 1 MiB"),
    "another member": (lambda f: resealed(DAILY, zipped(STEM, [ROW], member="ETHUSDT-1d-2025-03-02.csv")), "alone"),
    "a path out of it": (lambda f: resealed(DAILY, zipped(STEM, [ROW], member=f"../{STEM}.csv")), "alone"),
    "two members": (lambda f: resealed(DAILY, two_members()), "alone"),
    "eleven columns": (lambda f: resealed(DAILY, zipped(STEM, [ROW.rpartition(",")[0]])), "12 columns"),
    "thirteen columns": (lambda f: resealed(DAILY, zipped(STEM, [ROW + ",0"])), "12 columns"),
    "dates for times": (lambda f: resealed(DAILY, zipped(STEM, ["2025-03-02" + ROW[16:]])), "12 columns"),
    "another day": (lambda f: resealed(DAILY, zipped(STEM, [kline(date(2025, 3, 1), 1.0)])), "a kline of 2025-03-02"),
    "off midnight": (lambda f: resealed(DAILY, zipped(STEM, [LATER])), "a kline"),
    "a day twice": (lambda f: resealed(DAILY, zipped(STEM, [ROW, ROW])), "each once"),
    "nothing": (lambda f: resealed(DAILY, zipped(STEM, [])), "expected"),
    "a checksum alone": (lambda f: {DAILY: None}, "and the file is not"),  # type: ignore[dict-item]
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_as_it_says_is_refused_by_its_name_and_nothing_is_kept(
    store: SnapshotStore, fault: str
) -> None:
    harm, told = FAULTS[fault]
    files = site_of(TODAY)
    harmed = {name: content for name, content in (files | harm(files)).items() if content is not None}
    with serve_market(harmed) as site, pytest.raises(SourceError, match=told) as caught:
        look(store, site.url)
    assert STEM in str(caught.value)
    assert len(str(caught.value)) < 400
    assert store.list() == ()


@pytest.mark.parametrize("name", [MONTHLY, DAILY.replace("03-02", "03-01")])
def test_a_file_without_its_checksum_is_no_hole(store: SnapshotStore, name: str) -> None:
    files = site_of(TODAY)
    told = files.pop(f"{name}.CHECKSUM")
    with serve_market(files) as site:
        with pytest.raises(SourceError, match="is there and its CHECKSUM is not") as caught:
            look(store, site.url)
        assert name.rpartition("/")[2] in str(caught.value)
        assert store.list() == ()
        files[f"{name}.CHECKSUM"] = told
        require_closes(store, look(store, site.url), last=date(2025, 3, 2))


@pytest.mark.parametrize(("name", "missing"), [(MONTHLY, 31), (DAILY.replace("03-02", "03-01"), 1)])
def test_what_the_archive_lacks_altogether_is_a_hole(store: SnapshotStore, name: str, missing: int) -> None:
    files = {path: content for path, content in site_of(TODAY).items() if not path.startswith(name)}
    with serve_market(files) as site:
        candles = store.reading(look(store, site.url).snapshot).candles
    assert len(candles) == len(CANDLES[CANDLES["date"] < pd.Timestamp(TODAY)]) - missing


def test_a_market_of_another_exchange_is_refused(store: SnapshotStore) -> None:
    with pytest.raises(UnknownSeriesError, match="binance only"):
        look(store, "http://127.0.0.1:9", series=Series.parse("kraken/XRPUSD/1d"))


def test_an_unknown_symbol_costs_a_bounded_number_of_requests(store: SnapshotStore) -> None:
    with serve_market({}) as site, pytest.raises(UnknownSeriesError, match="no klines of binance/NOUSDT/1d"):
        look(store, site.url, series=Series.parse("binance/NOUSDT/1d"))
    assert len(site.requests) <= 3 + 28 + 31


@pytest.mark.parametrize("today", [date(2017, 7, 1), date(2017, 7, 5), date(2017, 8, 15), date(2017, 10, 1)])
def test_the_first_months_of_the_exchange_have_few_before_them(store: SnapshotStore, today: date) -> None:
    with serve_market({}) as site, pytest.raises(UnknownSeriesError, match="no klines"):
        look(store, site.url, today=today)


def test_a_clock_from_before_the_exchange_is_told(store: SnapshotStore) -> None:
    with pytest.raises(SourceError, match="opened on 2017-07-01, and this machine's clock says 2016-01-01"):
        look(store, "http://127.0.0.1:9", today=date(2016, 1, 1))


def test_what_is_kept_is_made_of_the_rows_alone(store: SnapshotStore) -> None:
    """The same days give the same bytes, whatever files they came in and whenever they were asked for."""
    with serve_market(site_of(TODAY)) as site:
        at_once = look(store, site.url).snapshot.sha256
    name = "BTCUSDT-1d-2025-02"
    files = {path: content for path, content in site_of(TODAY).items() if f"{name}.zip" not in path}
    with serve_market(files) as site:
        by_days = look(store, site.url).snapshot
    assert by_days.sha256 == at_once
    assert hashlib.sha256(store.read(by_days)).hexdigest() == at_once
    assert TODAY - timedelta(days=1) == by_days.last


@pytest.mark.parametrize("today", [date(2025, 5, 2), date(2025, 9, 20), date(2026, 11, 27)])
def test_a_market_that_ended_is_found_and_costs_little_from_then_on(
    store: SnapshotStore, today: date
) -> None:
    with serve_market(site_of(TODAY)) as site:
        done = look(store, site.url, today=today)
        # Its last month has no file of its own here, and its days are asked for in the following month only.
        require_closes(store, done, last=date(2025, 2, 28))
        assert sum(one.status == 404 for one in site.requests) <= 100
        site.requests.clear()
        assert look(store, site.url, today=today).outcome == "unchanged"
        assert len(site.requests) <= 3 + 31 + 31
