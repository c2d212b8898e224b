"""A reader sees one publication, whatever happens to the process that makes the next."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from flows.edges.files import release_folder
from flows.edges.files import targets as publishing
from flows.edges.files.file_store import connect
from flows.edges.files.targets import Publication, publish, read_published, taken
from pipeline.errors import DiskFullError, PublishError, SettingsError

pytestmark = pytest.mark.slow

HUB = "hub/model-output/coincast-random_walk"


def site_of(day: int) -> dict[str, bytes]:
    """A publication in which every file but the hub's says the same day."""
    return {
        "index.html": f"index {day}".encode(),
        "binance-btcusdt-1d.html": f"page {day}".encode(),
        f"{HUB}/2026-03-{day:02d}-coincast-random_walk.csv": f"csv {day}".encode(),
        "hub/hub-config/tasks.json": b"the same every day",
        "latest.json": f"latest {day}".encode(),
    }


def visible(site: Path) -> dict[str, bytes]:
    """What a reader can open, by path; names of the machinery left out."""
    found = {}
    for entry in sorted(site.iterdir()):
        if entry.name.startswith("."):
            continue
        for path in [entry] if entry.is_file() else sorted(entry.rglob("*")):
            if path.is_file():
                found[path.relative_to(site).as_posix()] = path.read_bytes()
    return found


def union(*days: int) -> dict[str, bytes]:
    return {path: content for day in days for path, content in site_of(day).items()}


def test_files_are_published_and_former_days_stay(tmp_path: Path) -> None:
    assert publish(site_of(1), str(tmp_path / "site")).outcome == "new"
    publication = publish(site_of(2), str(tmp_path / "site"))
    assert publication == Publication(
        str(tmp_path / "site"), "new", tuple(sorted(set(site_of(2)) - {"hub/hub-config/tasks.json"}))
    )
    assert visible(tmp_path / "site") == union(1, 2)


def test_identical_files_change_nothing(tmp_path: Path) -> None:
    publish(site_of(1), str(tmp_path))
    before = sorted((path, path.lstat().st_mtime_ns) for path in tmp_path.rglob("*") if path.name != "lock")
    assert publish(site_of(1), str(tmp_path)) == Publication(str(tmp_path), "unchanged", ())
    assert before == sorted(
        (path, path.lstat().st_mtime_ns) for path in tmp_path.rglob("*") if path.name != "lock"
    )


def test_a_damaged_file_is_published_again(tmp_path: Path) -> None:
    publish(site_of(1), str(tmp_path))
    (tmp_path / "index.html").write_bytes(b"edited by hand")
    assert publish(site_of(1), str(tmp_path)).changed == ("index.html",)
    assert visible(tmp_path) == site_of(1)


def test_what_one_series_publishes_leaves_the_others_page(tmp_path: Path) -> None:
    publish(site_of(1), str(tmp_path))
    publish({"kraken-ethusd-1d.html": b"another"}, str(tmp_path))
    assert visible(tmp_path) == site_of(1) | {"kraken-ethusd-1d.html": b"another"}


def test_old_releases_are_removed_and_disk_use_stays_bounded(tmp_path: Path) -> None:
    for day in range(1, 8):
        publish(site_of(day), str(tmp_path), keep=2)
    releases = [
        path for path in (tmp_path / ".releases").iterdir() if path.is_dir() and not path.is_symlink()
    ]
    assert len(releases) == 2
    assert visible(tmp_path) == union(*range(1, 8))


def test_a_file_of_someone_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    (tmp_path / "CNAME").write_text("example.org")
    with pytest.raises(PublishError, match=r"index\.html was not published by coincast"):
        publish(site_of(1), str(tmp_path))
    assert visible(tmp_path) == {"index.html": b"mine", "CNAME": b"example.org"}
    (tmp_path / "index.html").unlink()
    publish(site_of(1), str(tmp_path))
    assert visible(tmp_path) == site_of(1) | {"CNAME": b"example.org"}


# Forks a child for every n that kills itself at its n-th file operation, until one publishes to the end.
KILLS = """
import os, signal, sys
from flows.edges.files.targets import publish
from pathlib import Path

root, old, new = Path(sys.argv[1]), *map(eval, sys.argv[2:])
seen = 0

def count(event, arguments):
    global seen
    if event == "open" or event.startswith(("os.", "shutil.", "fcntl.")):
        seen += 1
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

for kill_at in range(1, 500):
    site = str(root / f"{kill_at:03d}")
    publish(old, site)
    child = os.fork()
    if child == 0:
        sys.addaudithook(count)
        publish(new, site)
        os._exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != -signal.SIGKILL:
        sys.exit(status)
"""


def test_killed_at_any_operation_the_reader_sees_one_publication(tmp_path: Path) -> None:
    old, new = site_of(1), site_of(2) | {"kraken-ethusd-1d.html": b"a page that was not there before"}
    killer = subprocess.run([sys.executable, "-c", KILLS, str(tmp_path), repr(old), repr(new)], check=False)
    assert killer.returncode == 7, "the last child was to publish to the end"
    switched = []
    for site in sorted(tmp_path.iterdir()):
        assert visible(site) in (old, old | new), f"mixed after {site.name} operations"
        switched.append(visible(site) == old | new)
        assert publish(new, str(site)).outcome == ("unchanged" if switched[-1] else "new")
        assert visible(site) == old | new
        assert not [path for path in (site / ".releases").iterdir() if path.name.startswith(".")]
    assert len(switched) > 20
    assert not switched[0]
    assert switched[-2], "a kill after the switch was tried"
    assert switched == sorted(switched), "once switched, it stays switched"


def test_publishers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each adds its own days and rewrites the same pages; every day is there in the end."""
    code = """
import sys
from flows.edges.files.targets import publish
for files in sys.argv[2:]:
    publish(eval(files), sys.argv[1])
"""
    days = (range(1, 11), range(11, 21), range(21, 29))
    publishers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *(repr(site_of(day)) for day in share)])
        for share in days
    ]
    assert [publisher.wait(60) for publisher in publishers] == [0, 0, 0]
    hub = [name for name in visible(tmp_path) if name.startswith(HUB)]
    assert len(hub) == 28


def test_publishers_at_once_that_add_to_one_file_lose_nothing(tmp_path: Path) -> None:
    code = """
import sys
from flows.edges.files.targets import publish
for line in sys.argv[2:]:
    add = lambda files, published: {"days": published.get("days", b"") + files["days"]}
    publish({"days": line.encode()}, sys.argv[1], merge=add)
"""
    shares = (range(10), range(10, 20))
    publishers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *(f"{day:02d} " for day in share)])
        for share in shares
    ]
    assert [publisher.wait(60) for publisher in publishers] == [0, 0]
    assert sorted((tmp_path / "days").read_text().split()) == [f"{day:02d}" for day in range(20)]


def test_a_reader_never_finds_a_file_missing_or_half(tmp_path: Path) -> None:
    pages = ("index.html", "latest.json")
    publish(dict.fromkeys(pages, b"1" * 200_000), str(tmp_path))
    done = threading.Event()
    faults: list[str] = []

    def read() -> None:
        while not done.is_set():
            content = (tmp_path / "index.html").read_bytes()
            if content.count(content[:1]) != 200_000:
                faults.append("half")
            done.wait(0.0005)

    reader = threading.Thread(target=read)
    reader.start()
    for digit in (b"2", b"3", b"4", b"5") * 5:
        publish(dict.fromkeys(pages, digit * 200_000), str(tmp_path))
    done.set()
    reader.join()
    assert not faults


def test_a_full_disk_leaves_the_former_publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(site_of(1), str(tmp_path))

    def no_room(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(release_folder, "_write", no_room)
        with pytest.raises(DiskFullError, match="previous publication stands"):
            publish(site_of(2), str(tmp_path))
    assert visible(tmp_path) == site_of(1)
    assert publish(site_of(2), str(tmp_path)).outcome == "new"


def test_a_file_system_without_hard_links_gets_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    for day in (1, 2):
        publish(site_of(day), str(tmp_path))
    assert visible(tmp_path) == union(1, 2)


def test_a_target_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(PublishError, match="refused the publication"):
        publish(site_of(1), str(tmp_path / "taken" / "site"))


def test_an_unknown_kind_of_url_is_a_fault_of_the_settings() -> None:
    with pytest.raises(SettingsError, match=r"Cannot publish to 'nowhere://x'"):
        publish(site_of(1), "nowhere://x")


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "", ".", "a//b", ".releases/x", "a*"])
def test_a_path_out_of_the_target_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside the target"):
        publish({path: b""}, str(tmp_path / "site"))
    assert not (tmp_path / "site").exists()


def test_memory_and_file_urls(tmp_path: Path) -> None:
    for url in (f"memory://{tmp_path.name}/site", (tmp_path / "site").as_uri()):
        assert publish(site_of(1), url).outcome == "new"
        assert publish(site_of(2), url).outcome == "new"
        assert publish(site_of(2), url).outcome == "unchanged"
        assert read_published([*union(1, 2), "not-there.html"], url) == union(1, 2)


def test_an_object_store_gets_data_first_and_latest_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(
        publishing, "_put", lambda store, name, content: written.append(name.rpartition("/")[2])
    )
    publish(site_of(1), f"memory://{tmp_path.name}/order")
    assert written[2:] == ["binance-btcusdt-1d.html", "index.html", "latest.json"]
    assert {name.rpartition(".")[2] for name in written[:2]} == {"csv", "json"}


@pytest.mark.parametrize("refused", range(1, 6))
def test_an_object_store_that_refuses_midway_gets_the_former_objects_back(
    refused: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"memory://{tmp_path.name}/refused"
    publish(site_of(1), url)
    put, calls = publishing._put, iter(range(1, 100))

    def refusing(store: Any, name: str, content: bytes) -> None:
        if next(calls) == refused:
            raise PermissionError("AccessDenied")
        put(store, name, content)

    monkeypatch.setattr(publishing, "_put", refusing)
    changes = site_of(2) | {"hub/hub-config/tasks.json": b"changed"}
    with pytest.raises(PublishError, match="AccessDenied"):
        publish(changes, url)
    assert read_published(site_of(1), url) == site_of(1)


@pytest.fixture
def s3_url(bucket: str) -> str:
    return f"{bucket}/site"


@pytest.mark.slow
def test_s3(s3_url: str) -> None:
    import boto3

    assert publish(site_of(1), s3_url).outcome == "new"
    assert len(publish(site_of(2), s3_url).changed) == 4
    assert publish(site_of(2), s3_url).outcome == "unchanged"
    assert read_published(union(1, 2), s3_url) == union(1, 2)
    page = boto3.client("s3").get_object(Bucket="coincast", Key="site/index.html")
    assert page["ContentType"] == "text/html"
    assert page["Body"].read() == b"index 2"


@pytest.mark.slow
def test_a_bucket_that_is_not_there_refuses(s3_url: str) -> None:
    with pytest.raises(PublishError, match=r"s3://nobody/site refused the publication"):
        publish(site_of(1), "s3://nobody/site")


@pytest.mark.slow
def test_a_login_in_an_s3_address_is_the_key_and_its_secret(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with_login = s3_url.replace("://", "://KEY:SEC%2FRET@") + "/login"
    publication = publish(site_of(1), with_login)
    assert (publication.target, publication.outcome) == (f"{s3_url}/login", "new")
    store, root = connect(with_login)
    assert (store.key, store.secret, root) == ("KEY", "SEC/RET", f"{s3_url}/login".removeprefix("s3://"))


def test_names_that_somebody_else_has_are_told(tmp_path: Path) -> None:
    publish({"ours.html": b"x"}, str(tmp_path))
    (tmp_path / "theirs.html").write_text("mine")
    found = taken(["ours.html", "theirs.html", "new.html"], str(tmp_path))
    assert list(found) == ["theirs.html"]
    assert "was not published by coincast" in found["theirs.html"]
