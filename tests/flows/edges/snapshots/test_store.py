import errno
import gzip
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flows.edges.snapshots.store import Fetch, Snapshot, SnapshotStore, Vintage
from flows.edges.sql.database import open_database
from pipeline.candles import Account
from pipeline.errors import CandleFileError, DiskFullError, SettingsError, StoreError
from pipeline.series import Series

pytestmark = pytest.mark.slow

BTC = Series.parse("binance/BTCUSDT/1d")
ETH = Series.parse("binance/ETHUSDT/1d")
URL = "https://vendor.example/cdd/Binance_BTCUSDT_d.csv"
ACCOUNT = Account("CryptoDataDownload", BTC, rows_read=3, rows_kept=2, first="2026-03-28", last="2026-03-29")


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 0, 20, tzinfo=UTC)


class Keeper:
    """A store in a folder, and files to put into it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.folder = folder
        self.store = SnapshotStore(engine, str(folder))

    def add(self, content: bytes, at: datetime, series: Series = BTC) -> Snapshot:
        with self.store.staged() as file:
            file.write(content)
            file.flush()
            return self.store.add(
                Path(file.name),
                series=series,
                url=URL,
                fetched_at=at,
                etag=f'"{content.hex()[:8]}"',
                last_modified="",
                account=ACCOUNT,
            )

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def keeper(own_engine: Engine, tmp_path: Path) -> Keeper:
    return Keeper(own_engine, tmp_path / "snapshots")


@pytest.fixture
def either(database_url: str, tmp_path: Path) -> Iterator[Keeper]:
    """A store on each kind of database."""
    engine = open_database(database_url)
    yield Keeper(engine, tmp_path / "snapshots")
    engine.dispose()


def test_bytes_come_back_with_what_is_known_of_them(either: Keeper) -> None:
    content = b"Unix,Date\r\n\x00\xff\n" * 100
    added = either.add(content, day(29))
    expected = Snapshot(
        sha256=hashlib.sha256(content).hexdigest(),
        series=BTC,
        url=URL,
        fetched_at=day(29),
        etag='"556e6978"',
        last_modified="",
        size=len(content),
        rows=2,
        first=date(2026, 3, 28),
        last=date(2026, 3, 29),
    )
    assert added == expected
    assert either.store.read(added) == content
    assert either.store.find(added.sha256) == expected
    assert either.store.latest(BTC) == expected
    assert either.store.list() == (expected,)
    assert either.store.latest(ETH) is None
    assert either.store.find("0" * 64) is None


def test_a_file_is_stored_compressed_under_its_hash_and_the_same_everywhere(
    keeper: Keeper, tmp_path: Path
) -> None:
    other = Keeper(open_database(f"sqlite:///{tmp_path / 'other.db'}"), tmp_path / "other")
    sha256 = keeper.add(b"a" * 10_000, day(29)).sha256
    other.add(b"a" * 10_000, day(30))
    [path], [twin] = keeper.files(), other.files()
    assert path.relative_to(keeper.folder) == Path("objects", sha256[:2], f"{sha256}.csv.gz")
    assert gzip.decompress(path.read_bytes()) == b"a" * 10_000
    assert path.stat().st_size < 1000
    assert path.read_bytes() == twin.read_bytes()


def test_identical_bytes_are_stored_once_and_each_look_at_them_is_recorded(keeper: Keeper) -> None:
    first = keeper.add(b"same", day(28))
    written = keeper.files()[0].stat().st_mtime_ns
    assert keeper.add(b"same", day(29)) == first
    keeper.store.see_again(Fetch(first.sha256, BTC, URL, day(30), '"new"', "Mon"))
    assert [path.stat().st_mtime_ns for path in keeper.files()] == [written]
    assert [fetch.fetched_at for fetch in keeper.store.fetches(BTC)] == [day(28), day(29), day(30)]
    last = keeper.store.last_fetch(BTC, URL)
    assert last is not None
    assert (last.etag, last.last_modified) == ('"new"', "Mon")
    assert keeper.store.last_fetch(BTC, "https://elsewhere.example") is None


def test_what_was_known_is_what_the_last_look_before_saw(keeper: Keeper) -> None:
    old, new = keeper.add(b"old", day(10)), keeper.add(b"new", day(20))
    keeper.add(b"old", day(25))  # the vendor took its revision back
    known = [keeper.store.latest(BTC, known_at=day(number)) for number in (9, 10, 19, 20, 24, 25)]
    assert known == [None, old, old, new, new, old]
    assert keeper.store.latest(BTC) == old
    assert keeper.store.vintages(BTC) == (Vintage(day(10), old), Vintage(day(20), new), Vintage(day(25), old))


def test_the_same_bytes_of_two_series_are_one_file_and_two_snapshots(keeper: Keeper) -> None:
    btc, eth = keeper.add(b"same", day(10)), keeper.add(b"same", day(11), ETH)
    assert btc.sha256 == eth.sha256
    assert len(keeper.files()) == 1
    assert keeper.store.find(btc.sha256) == btc
    assert keeper.store.find(btc.sha256, ETH) == eth
    assert keeper.store.list(ETH) == (eth,)


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


DAMAGES = {
    "a flipped byte": (damage_flip, "damaged"),
    "other bytes": (lambda path: path.write_bytes(gzip.compress(b"other")), "damaged"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "damaged"),
    "emptied": (lambda path: path.write_bytes(b""), "damaged"),
    "not compressed": (lambda path: path.write_bytes(b"Unix,Date"), "damaged"),
    "removed": (lambda path: path.unlink(), "missing"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_snapshot_is_named_never_used_and_healed_by_the_same_bytes(
    keeper: Keeper, kind: str
) -> None:
    damage, state = DAMAGES[kind]
    content = bytes(range(256)) * 40
    whole, hurt = keeper.add(b"whole", day(10)), keeper.add(content, day(11))
    damage(keeper.folder / "objects" / hurt.sha256[:2] / f"{hurt.sha256}.csv.gz")
    with pytest.raises(StoreError, match=rf"Snapshot {hurt.sha256[:12]} of {BTC}.* is {state}.* Download"):
        keeper.store.read(hurt)
    found = keeper.store.verify()
    assert (found.whole, found.pruned) == (1, 0)
    assert [(one.snapshot, one.state) for one in found.damaged] == [(hurt, state)]
    assert not keeper.store.is_whole(hurt.sha256)
    assert keeper.add(content, day(12)) == hurt
    assert keeper.store.read(hurt) == content
    assert keeper.store.verify().damaged == ()
    assert keeper.store.read(whole) == b"whole"


def test_pruning_keeps_what_is_named_latest_or_recent(keeper: Keeper) -> None:
    contents = [b"named", b"dropped" * 99, b"recent", b"latest"]
    named, dropped, recent, latest = (
        keeper.add(content, day(number)) for number, content in enumerate(contents, start=1)
    )
    lone = keeper.add(b"lone", day(1), ETH)
    plan = keeper.store.prune(keep={named.sha256}, before=day(3))
    assert (plan.snapshots, plan.kept) == ((dropped,), 4)
    assert plan.freed > 0
    assert len(keeper.files()) == 5
    assert keeper.store.prune(keep={named.sha256}, before=day(3), dry_run=False) == plan
    assert len(keeper.files()) == 4
    assert [keeper.store.read(one) for one in (named, recent, latest, lone)] == [
        b"named",
        b"recent",
        b"latest",
        b"lone",
    ]
    assert keeper.store.prune(keep={named.sha256}, before=day(3), dry_run=False).snapshots == ()


def test_what_was_pruned_is_told_and_passes_for_nothing_else(keeper: Keeper) -> None:
    old, newer = keeper.add(b"old", day(1)), keeper.add(b"newer", day(2))
    keeper.store.prune(keep=(), before=day(30), dry_run=False)
    assert keeper.store.latest(BTC, known_at=day(1)) == old
    with pytest.raises(StoreError, match="was pruned"):
        keeper.store.read(old)
    found = keeper.store.verify()
    assert (found.whole, found.pruned, found.damaged) == (1, 1, ())
    assert keeper.store.vintages(BTC) == (Vintage(day(2), newer),)
    assert keeper.store.stored() == {newer.sha256}
    keeper.add(b"old", day(3))
    assert keeper.store.read(old) == b"old"
    assert keeper.store.verify().whole == 2


def test_a_file_that_a_killed_run_left_without_a_row_is_pruned_when_it_is_old(keeper: Keeper) -> None:
    keeper.add(b"indexed", day(1))
    sha256 = hashlib.sha256(b"orphan").hexdigest()
    path = keeper.folder / "objects" / sha256[:2] / f"{sha256}.csv.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(b"orphan"))
    (keeper.folder / "objects" / "note.txt").write_text("not ours")
    assert keeper.store.verify().orphans == ()
    old = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(path, (old, old))
    assert keeper.store.verify().orphans == (sha256,)
    assert keeper.store.prune(keep=(), before=day(1), dry_run=False).orphans == (sha256,)
    assert not path.exists()
    assert (keeper.folder / "objects" / "note.txt").exists()


def test_writers_at_the_same_time_store_a_file_once(either: Keeper) -> None:
    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(lambda number: either.add(b"same", day(number)), range(1, 9)))
    assert len(set(added)) == 1
    assert len(either.store.list()) == 1
    assert len(either.store.fetches()) == 8
    assert len(either.files()) == 1


def test_a_full_disk_changes_nothing(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeper.add(b"kept", day(1))

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("flows.edges.files.staging.os.fsync", refuse)
        with pytest.raises(DiskFullError, match=r"No room left in .*snapshots"):
            keeper.add(b"more", day(2))
    assert keeper.store.list() == (kept,)
    assert len(keeper.files()) == 1


def test_a_folder_that_cannot_be_written_is_named(own_engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SnapshotStore(own_engine, str(tmp_path / "file" / "sub"))
    with pytest.raises(StoreError, match=r"file/sub refused \("), store.staged():
        pass


def test_an_account_without_candles_is_no_snapshot(keeper: Keeper) -> None:
    with keeper.store.staged() as file, pytest.raises(CandleFileError):
        keeper.store.add(
            Path(file.name),
            series=BTC,
            url=URL,
            fetched_at=day(1),
            etag="",
            last_modified="",
            account=Account.of_refusal("nothing"),
        )
    assert keeper.store.list() == ()


def test_a_fetch_of_bytes_that_were_never_stored_is_refused(keeper: Keeper) -> None:
    with pytest.raises(StoreError, match="is not in"):
        keeper.store.see_again(Fetch("0" * 64, BTC, URL, day(1), "", ""))


def test_a_kind_of_url_that_there_is_not_is_a_settings_error(own_engine: Engine) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        SnapshotStore(own_engine, "nowhere://bucket")


# Imports once, then loses a child at each point, each in the middle of storing its second file.
KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from flows.edges.snapshots import index as snapshot_index
from flows.edges.files import staging
from flows.edges.sql.database import open_database
from flows.edges.snapshots.store import SnapshotStore
from pipeline.candles import Account
from pipeline.series import Series

def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)

def store_one(folder, point):
    store = SnapshotStore(open_database(f"sqlite:///{folder}/coincast.db"), f"{folder}/snapshots")
    btc = Series.parse("binance/BTCUSDT/1d")
    with store.staged() as file:
        file.write(b"second")
        file.flush()
        match point:
            case "before the rename": staging.Path.replace = die
            case "after the rename": snapshot_index.SnapshotIndex.add = die
            case "inside the transaction": snapshot_index._row = die
        store.add(Path(file.name), series=btc, url="u", fetched_at=datetime(2026, 3, 2, tzinfo=UTC), etag="",
                  last_modified="", account=Account("x", btc, 1, 1, first="2026-03-01", last="2026-03-01"))

for folder in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        store_one(folder, os.path.basename(folder))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_the_store_valid(tmp_path: Path) -> None:
    keepers = []
    for point in ("before the rename", "after the rename", "inside the transaction"):
        engine = open_database(f"sqlite:///{tmp_path / point / 'coincast.db'}")
        keepers.append(Keeper(engine, tmp_path / point / "snapshots"))
        keepers[-1].add(b"first", day(1))
    folders = [str(keeper.folder.parent) for keeper in keepers]
    subprocess.run([sys.executable, "-c", KILLED, *folders], check=True)
    left = [len(keeper.files()) for keeper in keepers]
    assert left == [
        3,
        3,
        3,
    ]  # the first file, the download, and what became of it; no row names the latter two
    for keeper in keepers:
        assert [one.fetched_at for one in keeper.store.list()] == [day(1)]
        assert keeper.store.verify().damaged == ()
        assert keeper.store.read(keeper.add(b"second", day(2))) == b"second"
        assert [path.suffixes for path in keeper.files()] == [[".csv", ".gz"]] * 2


def check_elsewhere(keeper: Keeper, url: str, engine: Engine) -> None:
    """What a folder does, an object store does too."""
    store = keeper.store = SnapshotStore(engine, url)
    old, new = keeper.add(b"old", day(1)), keeper.add(b"new", day(2))
    assert (store.read(old), store.read(new)) == (b"old", b"new")
    assert store.verify().whole == 2
    assert [one.snapshot for one in store.vintages(BTC)] == [old, new]
    assert store.prune(keep=(), before=day(9), dry_run=False).snapshots == (old,)
    with pytest.raises(StoreError, match="was pruned"):
        store.read(old)


def test_in_another_file_system(keeper: Keeper, own_engine: Engine, tmp_path: Path) -> None:
    check_elsewhere(keeper, f"memory://{tmp_path.name}/snapshots", own_engine)


@pytest.mark.slow
def test_in_an_object_store(keeper: Keeper, own_engine: Engine, bucket: str) -> None:
    check_elsewhere(keeper, f"{bucket}/snapshots", own_engine)


@pytest.mark.slow
def test_a_bucket_that_is_not_there_refuses(keeper: Keeper, own_engine: Engine, bucket: str) -> None:
    keeper.store = SnapshotStore(own_engine, "s3://nobody/snapshots")
    with pytest.raises(StoreError, match="s3://nobody/snapshots refused"):
        keeper.add(b"bytes", day(1))
