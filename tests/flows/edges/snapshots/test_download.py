import errno
import functools
import gzip
import os
import random
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flows.edges.http.demo_site import Reply, serve_market
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.snapshots.download import Download, download
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.crypto_data_download import file_name
from pipeline.errors import CoincastError, DiskFullError, SourceError, StoreError, UnknownSeriesError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

BTC = Series.parse("binance/BTCUSDT/1d")
NAME = file_name(BTC)
NOW = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
HASTE = RetryPolicy(connect_s=2, read_s=2, total_s=10, retries=3, backoff_s=0.01, longest_wait_s=5)
MIB = 2**20
PAGE = b"<!DOCTYPE html><html><body>Please verify that you are human</body></html>"


@functools.cache
def candles(days: int) -> bytes:
    table = simulate_candles(seed=1, first=date(2026, 1, 1), last=date(2026, 3, 29), price=50_000.0)
    return wire_format(table.iloc[:days], BTC)


OLD, NEW = candles(80), candles(81)


@pytest.fixture
def store(own_engine: Engine, tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(own_engine, str(tmp_path / "snapshots"))


def look(store: SnapshotStore, source: str, *, policy: RetryPolicy = HASTE, limit_mb: int = 1) -> Download:
    return download(BTC, source, store, now=NOW, limit_mb=limit_mb, policy=policy)


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "snapshots").rglob("*") if path.is_file()]


def test_a_new_file_a_304_and_a_changed_file(store: SnapshotStore) -> None:
    served = {NAME: OLD}
    with serve_market(served) as site:
        first, again = look(store, site.url), look(store, site.url + "/")
        served[NAME] = NEW
        changed = look(store, site.url)
        requests = [(one.path, one.status) for one in site.requests]
        conditions = [one.headers.get("If-None-Match") for one in site.requests]
    assert [first.outcome, again.outcome, changed.outcome] == ["new", "unchanged", "new"]
    assert requests == [(f"/cdd/{NAME}", 200), (f"/cdd/{NAME}", 304), (f"/cdd/{NAME}", 200)]
    assert conditions == [None, first.snapshot.etag, first.snapshot.etag]
    assert first.snapshot == again.snapshot
    assert store.read(first.snapshot) == OLD
    assert store.read(changed.snapshot) == NEW
    assert (changed.snapshot.rows, changed.snapshot.first, changed.snapshot.last) == (
        81,
        date(2026, 1, 1),
        date(2026, 3, 22),
    )
    assert changed.snapshot.url == f"{site.url}/{NAME}"


def test_a_source_without_validators_is_told_by_its_bytes(store: SnapshotStore) -> None:
    replies = [Reply(200, content) for content in (OLD, OLD, NEW, OLD)]
    with serve_market({}, script=replies) as site:
        outcomes = [look(store, site.url).outcome for _ in replies]
    assert outcomes == ["new", "unchanged", "new", "new"]
    assert len(store.list()) == 2


def test_progress_is_told_to_the_last_byte(store: SnapshotStore) -> None:
    told: list[tuple[int, int | None]] = []
    with serve_market({NAME: OLD}) as site:
        download(BTC, site.url, store, now=NOW, limit_mb=1, on_progress=lambda *both: told.append(both))
    assert told[-1] == (len(OLD), len(OLD))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


RECOVERING = {
    "server errors": [Reply(500), Reply(503)],
    "gateway errors": [Reply(502), Reply(504)],
    "too many requests": [Reply(429, headers={"Retry-After": "0"})],
    "nonsense in Retry-After": [Reply(503, headers={"Retry-After": "soon"})],
    "no answer": [Reply(0), Reply(0)],
    "truncated": [Reply(200, OLD[:500], promised_bytes=len(OLD))],
    "truncated after an error": [Reply(500), Reply(200, OLD[:500], promised_bytes=len(OLD)), Reply(500)],
}


@pytest.mark.parametrize("fault", RECOVERING)
def test_passing_faults_are_tried_again(store: SnapshotStore, tmp_path: Path, fault: str) -> None:
    with serve_market({NAME: OLD}, script=RECOVERING[fault]) as site:
        done = look(store, site.url)
        statuses = [one.status for one in site.requests]
    assert statuses == [*(reply.status for reply in RECOVERING[fault]), 200]
    assert done.outcome == "new"
    assert store.read(done.snapshot) == OLD
    assert len(files(tmp_path)) == 1


def test_the_source_is_asked_again_when_it_says(store: SnapshotStore) -> None:
    with serve_market({NAME: OLD}, script=[Reply(429, headers={"Retry-After": "1"})]) as site:
        started = time.perf_counter()
        look(store, site.url)
        assert time.perf_counter() - started >= 1


def test_a_source_that_wants_a_long_wait_is_not_asked_again(store: SnapshotStore) -> None:
    with serve_market({NAME: OLD}, script=[Reply(429, headers={"Retry-After": "3600"})]) as site:
        with pytest.raises(SourceError, match=r"HTTP 429, not a file, and asks to wait 3600\."):
            look(store, site.url)
        assert len(site.requests) == 1


def page(status: int) -> Reply:
    return Reply(status, PAGE, {"Content-Type": "text/html"})


# What is served, what is said of it, and how often it was asked for.
REFUSED = {
    "server error": ([Reply(500)] * 9, SourceError, r"answered HTTP 500", 4),
    "too many requests": ([Reply(429, headers={"Retry-After": "0"})] * 9, SourceError, r"HTTP 429", 4),
    "no answer": ([Reply(0)] * 9, SourceError, r"closed the connection without an answer", 4),
    "truncated": (
        [Reply(200, OLD[:500], promised_bytes=len(OLD))] * 9,
        SourceError,
        rf"cut off after 500 of {len(OLD)} bytes .*, 4 times",
        4,
    ),
    "forbidden": ([page(403)], SourceError, r"answered HTTP 403", 1),
    "not there": ([page(404)], UnknownSeriesError, r"has no http://.*Binance_BTCUSDT_d\.csv", 1),
    "gone": ([page(410)], UnknownSeriesError, r"HTTP 410", 1),
    "no content": ([Reply(204)], SourceError, r"answered HTTP 204", 1),
    "304 unasked": ([Reply(304)], SourceError, r"answered HTTP 304", 1),
    "web page": (
        [page(200)],
        SourceError,
        r"is a web page and not a CSV file: received b'<!DOCTYPE.*text/html",
        1,
    ),
    "web page as csv": ([Reply(200, b"\xef\xbb\xbf\n" + PAGE)], SourceError, r"is a web page", 1),
    "redirect to a page": (
        [Reply(302, headers={"Location": "/login"}), page(200)],
        SourceError,
        r"is a web page",
        2,
    ),
    "endless redirects": ([Reply(302, headers={"Location": "/x"})] * 9, SourceError, r"TooManyRedirects", 6),
    "empty": ([Reply(200, b"")], SourceError, r"is empty", 1),
    "blank": ([Reply(200, b"\r\n\r\n")], SourceError, r"is empty \(4 bytes\)", 1),
    "json": (
        [Reply(200, b'{"error": "limit"}')],
        SourceError,
        r"no candle file of .*received b'{\"error\"",
        1,
    ),
    "binary": ([Reply(200, random.Random(5).randbytes(2000))], SourceError, r"no candle file", 1),
    "banner only": ([Reply(200, OLD[: OLD.index(b"\n") + 1])], SourceError, r"no candle file", 1),
    "header only": ([Reply(200, b"\n".join(OLD.split(b"\n")[:2]))], SourceError, r"no candle file", 1),
    "another market": ([Reply(200, OLD.replace(b"BTCUSDT", b"ETHUSDT"))], SourceError, r"no candle file", 1),
    "too large": ([Reply(200, b"a" * (MIB + 1))], SourceError, r"larger than the limit of 1 MiB", 1),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_candle_file_is_refused_and_what_was_stored_stays(
    store: SnapshotStore, tmp_path: Path, fault: str
) -> None:
    script, kind, message, tries = REFUSED[fault]
    with serve_market({NAME: OLD}) as site:
        kept = look(store, site.url).snapshot
    with serve_market({}, script=script) as site:
        with pytest.raises(kind, match=message) as caught:
            look(store, site.url)
        assert len(site.requests) == tries
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert store.list() == (kept,)
    assert store.latest(BTC) == kept
    assert store.read(kept) == OLD
    assert len(files(tmp_path)) == 1


def test_a_slow_source_is_given_up(store: SnapshotStore) -> None:
    hasty = RetryPolicy(read_s=0.1, retries=1, backoff_s=0.01)
    with serve_market({NAME: OLD}, script=[Reply(200, OLD, wait_s=1)] * 2) as site:
        with pytest.raises(SourceError, match=r"no answer for 0\.1 s"):
            look(store, site.url, policy=hasty)
        assert len(site.requests) == 2


def test_a_source_that_stops_in_the_middle_is_given_up(store: SnapshotStore) -> None:
    hasty = RetryPolicy(read_s=0.1, retries=1, backoff_s=0.01)
    with (
        serve_market({NAME: OLD}, script=[Reply(200, OLD, pause_s=1)] * 2) as site,
        pytest.raises(SourceError, match=r"cut off after \d+ of \d+ bytes \(no answer for 0\.1 s\), 2 times"),
    ):
        look(store, site.url, policy=hasty)


def test_damaged_bytes_are_fetched_again_whole(store: SnapshotStore, tmp_path: Path) -> None:
    with serve_market({NAME: OLD}) as site:
        first = look(store, site.url)
        [path] = files(tmp_path)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(StoreError):
            store.read(first.snapshot)
        healed = look(store, site.url)
        assert [one.status for one in site.requests] == [200, 200]
    assert (healed.snapshot, healed.outcome) == (first.snapshot, "unchanged")
    assert store.read(first.snapshot) == OLD


@pytest.mark.parametrize("form", ["path", "url", "slash"])
def test_a_folder_is_a_source_too(store: SnapshotStore, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "vendor's files"
    folder.mkdir()
    source = {"path": str(folder), "url": folder.as_uri(), "slash": f"{folder}/"}[form]
    (folder / NAME).write_bytes(OLD)
    outcomes = [look(store, source).outcome for _ in range(2)]
    (folder / NAME).write_bytes(NEW)
    changed = look(store, source)
    assert [*outcomes, changed.outcome] == ["new", "unchanged", "new"]
    assert store.read(changed.snapshot) == NEW


def test_a_folder_is_refused_as_a_site_is(store: SnapshotStore, tmp_path: Path) -> None:
    file = tmp_path / NAME
    with pytest.raises(UnknownSeriesError, match=r"has no .*Binance_BTCUSDT_d"):
        look(store, str(tmp_path))
    with pytest.raises(SourceError, match="is not a folder"):
        look(store, str(tmp_path / "nowhere"))
    for content, message in ((b"", "is empty"), (PAGE, "is a web page"), (b"a" * (MIB + 1), "larger than")):
        file.write_bytes(content)
        with pytest.raises(SourceError, match=message):
            look(store, str(tmp_path))
    file.unlink()
    file.mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        look(store, str(tmp_path))
    assert store.list() == ()


@pytest.mark.parametrize(
    "source", ["", " ", "ftp://host/cdd", "s3://bucket/cdd", "http://", "https://[1/cdd"]
)
def test_what_is_no_source_is_refused(store: SnapshotStore, source: str) -> None:
    with pytest.raises(SourceError, match="http"):
        look(store, source)


def test_a_source_that_does_not_answer_is_told_without_its_secrets(
    store: SnapshotStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(
            SourceError, match=rf"http://{host}/cdd/{NAME} could not be reached \(Connection refused\)"
        ) as caught:
            look(store, f"http://teller:hush@{host}/cdd?token=hush")
    assert "hush" not in str(caught.value) + caplog.text
    assert "teller" not in str(caught.value) + caplog.text
    # After a flow in the same process one record is captured twice: each is counted once.
    told = {id(line): line.name for line in caplog.records if "trying again" in line.getMessage()}
    assert list(told.values()) == ["coincast"] * 3


def test_secrets_are_used_and_never_stored(store: SnapshotStore) -> None:
    with serve_market({}, script=[Reply(200, OLD)]) as site:
        done = look(store, site.url.replace("http://", "http://teller:hush@") + "?token=hush")
        asked = site.requests[0]
    assert asked.path == f"/cdd/{NAME}?token=hush"
    assert asked.headers["Authorization"].startswith("Basic ")
    assert done.snapshot.url == f"{site.url}/{NAME}"
    assert "hush" not in repr(store.fetches())


def test_a_full_disk_is_told_and_nothing_changes(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with serve_market({NAME: OLD}) as site, monkeypatch.context() as patch:
        patch.setattr("flows.edges.http.http_file._Exchange._receive", refuse)
        with pytest.raises(DiskFullError, match="No room left to download"):
            look(store, site.url)
    assert files(tmp_path) == []


# Sites that answer in ways that a web framework would not.


@contextmanager
def raw_site(*answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """One connection for each answer, spoken on the bare socket."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/cdd"
    finally:
        thread.join(timeout=10)
        listener.close()


def head(**headers: object) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", "Connection: close", *lines, "", ""]).encode()


def whole(connection: socket.socket) -> None:
    connection.sendall(head(Content_Length=len(OLD)) + OLD)


def reset(connection: socket.socket) -> None:
    connection.sendall(head(Content_Length=len(OLD)) + OLD[:500])
    time.sleep(0.05)
    # Closing with a zero linger sends RST.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def chunked(content: bytes, *, ended: bool) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head(Transfer_Encoding="chunked"))
        connection.sendall(
            f"{len(content):x}\r\n".encode() + content + b"\r\n" + (b"0\r\n\r\n" if ended else b"")
        )

    return answer


def unmeasured(content: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(head() + content)


def compressed(connection: socket.socket) -> None:
    packed = gzip.compress(OLD)
    connection.sendall(head(Content_Length=len(packed), Content_Encoding="gzip") + packed)


def compressed_to(share: float) -> Callable[[socket.socket], None]:
    """A part of a packed file whose length is that of the part: only the packing knows that there is more."""
    packed = gzip.compress(OLD)[: int(share * len(gzip.compress(OLD)))]
    return lambda connection: connection.sendall(
        head(Content_Length=len(packed), Content_Encoding="gzip") + packed
    )


def compressed_in_chunks(content: bytes, *, ended: bool) -> Callable[[socket.socket], None]:
    packed = gzip.compress(content)

    def answer(connection: socket.socket) -> None:
        connection.sendall(head(Transfer_Encoding="chunked", Content_Encoding="gzip"))
        connection.sendall(
            f"{len(packed):x}\r\n".encode() + packed + b"\r\n" + (b"0\r\n\r\n" if ended else b"")
        )

    return answer


def promised(content: bytes, length: object, encoding: str = "identity") -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(
        head(Content_Length=length, Content_Encoding=encoding) + content
    )


PACKED = gzip.compress(OLD)
RAW = {
    "reset in the middle, then whole": [reset, whole],
    "chunks": [chunked(OLD, ended=True)],
    "chunks that do not end, then whole": [chunked(OLD, ended=False), whole],
    "no length": [unmeasured(OLD)],
    "compressed unasked": [compressed],
    "compressed and cut short, then whole": [compressed_to(0.5), compressed],
    "compressed and cut before its end, then whole": [compressed_to(0.99), compressed],
    "compressed, in chunks": [compressed_in_chunks(OLD, ended=True)],
    "compressed, in chunks that do not end, then whole": [compressed_in_chunks(OLD, ended=False), whole],
    "a longer length, then whole": [promised(OLD, len(OLD) + 1), whole],
    "a longer length of what is packed, then whole": [promised(PACKED, len(PACKED) + 9, "gzip"), whole],
    "a length that is no number": [promised(OLD, "many")],
}


@pytest.mark.parametrize("way", RAW)
def test_a_file_comes_whole_in_whatever_way(store: SnapshotStore, way: str) -> None:
    with raw_site(*RAW[way]) as source:
        assert store.read(look(store, source).snapshot) == OLD


def test_a_file_without_a_length_that_ends_inside_a_line_is_refused(store: SnapshotStore) -> None:
    with raw_site(unmeasured(OLD[:-7])) as source, pytest.raises(SourceError, match="middle of a line"):
        look(store, source)


CUT = {
    "a length that is no number": promised(OLD[:-7], "many"),
    "a length below zero": promised(OLD[:-7], -1),
    "two lengths": promised(OLD, f"{len(OLD)}, 7"),
    "packed otherwise": promised(zlib.compress(OLD[:-7]), len(zlib.compress(OLD[:-7])), "deflate"),
}


@pytest.mark.parametrize("way", CUT)
def test_what_tells_no_end_and_ends_inside_a_line_is_refused(store: SnapshotStore, way: str) -> None:
    with raw_site(CUT[way]) as source, pytest.raises(SourceError):
        look(store, source)
    assert store.list() == ()


# Ways in which half a file arrives and nothing but its days tells that it is half.

END = OLD.rindex(b"\n", 0, len(OLD) // 2) + 1
HALF = OLD[:END]
HALVES = {
    "no length": unmeasured(HALF),
    "a length that is too short": promised(OLD, END),
    "chunks of half of it": chunked(HALF, ended=True),
    "packed when it was half": promised(gzip.compress(HALF), len(gzip.compress(HALF)), "gzip"),
    "packed otherwise": promised(zlib.compress(HALF), len(zlib.compress(HALF)), "deflate"),
}


@pytest.mark.parametrize("way", HALVES)
def test_half_a_file_is_kept_and_the_last_good_one_is_used(store: SnapshotStore, way: str) -> None:
    with raw_site(whole, HALVES[way], HALVES[way], whole) as source:
        first, half, again, healed = (look(store, source) for _ in range(4))
    assert [one.outcome for one in (first, half, again, healed)] == ["new", "suspect", "suspect", "unchanged"]
    assert {one.snapshot for one in (half, again, healed)} == {first.snapshot}
    assert half.suspicion == again.suspicion is not None
    kept = store.find(half.suspicion.sha256)
    assert kept is not None
    assert store.read(kept) == HALF
    assert len(store.list()) == 2


def test_after_a_suspect_file_the_whole_one_is_asked_for_even_if_it_has_the_same_validators(
    store: SnapshotStore,
) -> None:
    tag = {"ETag": '"one and the same"'}
    half = Reply(200, HALF, tag)
    with serve_market({NAME: OLD}) as site:
        look(store, site.url)
    with serve_market({}, script=[half, half, Reply(200, NEW, tag)]) as site:
        done = [look(store, site.url) for _ in range(3)]
        conditions = [one.headers.get("If-None-Match") for one in site.requests]
    assert [one.outcome for one in done] == ["suspect", "suspect", "new"]
    assert conditions == [None, None, None]
    assert store.read(done[-1].snapshot) == NEW


def test_an_unchanged_answer_about_an_old_file_makes_it_no_newer(store: SnapshotStore) -> None:
    served = {NAME: candles(40)}
    with serve_market(served) as site, serve_market({NAME: NEW}) as other:
        look(store, site.url)
        newest = look(store, other.url)
        old = look(store, site.url)
        assert [one.status for one in site.requests] == [200, 304]
    assert (old.outcome, old.snapshot) == ("suspect", newest.snapshot)
    assert store.latest(BTC) == newest.snapshot


def test_half_a_file_in_a_folder_is_suspect_too(store: SnapshotStore, tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    folder.mkdir()
    outcomes = []
    for content in (OLD, HALF, HALF, NEW):
        (folder / NAME).write_bytes(content)
        outcomes.append(look(store, str(folder)).outcome)
    assert outcomes == ["new", "suspect", "suspect", "new"]


def test_what_is_packed_is_refused_by_its_unpacked_size(store: SnapshotStore) -> None:
    packed = gzip.compress(b"a" * 3 * 2**20)
    answer = head(Content_Length=len(packed), Content_Encoding="gzip") + packed
    with (
        raw_site(lambda connection: connection.sendall(answer)) as source,
        pytest.raises(SourceError, match="larger than the limit"),
    ):
        look(store, source)


def test_a_way_that_leads_to_no_url_is_an_error_of_ours(store: SnapshotStore) -> None:
    def lead_astray(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n")

    with raw_site(lead_astray) as source, pytest.raises(SourceError, match="could not be reached"):
        look(store, source)


def test_a_file_without_a_length_is_cut_at_the_limit(store: SnapshotStore) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(head())
        with suppress(OSError):
            for _ in range(1000):
                connection.sendall(b"a" * 65536)

    with raw_site(flood) as source, pytest.raises(SourceError, match="larger than the limit"):
        look(store, source)


def test_a_source_that_drips_is_given_up(store: SnapshotStore) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head(Content_Length=len(OLD)))
        with suppress(OSError):
            for byte in OLD:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)

    hasty = RetryPolicy(read_s=1, total_s=0.3, retries=3, backoff_s=0.01)
    with raw_site(drip) as source, pytest.raises(SourceError, match=r"bytes in 0\.3 s and is not done"):
        look(store, source, policy=hasty)


def test_every_refusal_is_an_error_of_ours() -> None:
    assert all(issubclass(kind, CoincastError) for _, kind, _, _ in REFUSED.values())


@pytest.mark.parametrize(
    ("old", "new"), [("binance_BTCUSDT_d__2025-05-01.csv", "binance_BTCUSDT_d__2026-03-30.csv")]
)
def test_two_real_vintages_one_after_the_other(
    store: SnapshotStore, market: Path, old: str, new: str
) -> None:
    served = {NAME: (market / "cdd" / old).read_bytes()}
    with serve_market(served) as site:
        first = look(store, site.url)
        served[NAME] = (market / "cdd" / new).read_bytes()
        second = look(store, site.url)
    assert (first.outcome, second.outcome) == ("new", "new")
    assert first.snapshot.last < second.snapshot.last
    assert store.read(first.snapshot) == (market / "cdd" / old).read_bytes()
