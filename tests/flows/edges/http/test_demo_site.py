import socket
import threading
import time
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
import requests

from flows.edges.http.demo_site import Reply, serve_folder, serve_market

pytestmark = pytest.mark.slow

NAME = "Binance_BTCUSDT_d.csv"
CONTENT = b"https://www.CryptoDataDownload.com\nUnix,Date\n1,2026-03-30\n"


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers={k.replace("_", "-"): v for k, v in headers.items()}, timeout=5)


def test_a_file_comes_whole_with_its_validators() -> None:
    with serve_market({NAME: CONTENT}) as site:
        answer = get(f"{site.url}/{NAME}")
    assert site.url.startswith("http://127.0.0.1:")
    assert site.url.endswith("/cdd")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["ETag"].startswith('"')
    assert parsedate_to_datetime(answer.headers["Last-Modified"]).tzinfo is not None
    assert [(r.path, r.status) for r in site.requests] == [(f"/cdd/{NAME}", 200)]


def test_unchanged_bytes_cost_one_304() -> None:
    with serve_market({NAME: CONTENT}) as site:
        url = f"{site.url}/{NAME}"
        first = get(url)
        etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
        earlier = format_datetime(parsedate_to_datetime(modified) - timedelta(days=1), usegmt=True)
        unchanged = [
            get(url, If_None_Match=etag),
            get(url, If_None_Match=f'"other", W/{etag}'),
            get(url, If_None_Match="*"),
            get(url, If_Modified_Since=modified),
        ]
        changed = [
            get(url, If_None_Match='"other"'),
            get(url, If_None_Match='"other"', If_Modified_Since=modified),
            get(url, If_Modified_Since=earlier),
            get(url, If_Modified_Since="not a date"),
        ]
    assert [(a.status_code, a.content, a.headers["ETag"]) for a in unchanged] == [(304, b"", etag)] * 4
    assert [(a.status_code, a.content) for a in changed] == [(200, CONTENT)] * 4


def test_a_changed_file_has_another_etag_and_a_later_date() -> None:
    files = {NAME: CONTENT}
    with serve_market(files) as site:
        before = get(f"{site.url}/{NAME}")
        files[NAME] = CONTENT + b"2,2026-03-31\n"
        after = get(
            f"{site.url}/{NAME}",
            If_None_Match=before.headers["ETag"],
        )
        by_date = get(f"{site.url}/{NAME}", If_Modified_Since=before.headers["Last-Modified"])
    assert after.status_code == by_date.status_code == 200
    assert after.content == files[NAME]


@pytest.mark.parametrize("path", ["/", "/cdd/", "/cdd/Kraken_X_d.csv", f"/{NAME}", "/cdd/../secret.csv"])
def test_what_is_not_there_is_a_404(path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("no")
    (tmp_path / "market").mkdir()
    (tmp_path / "market" / NAME).write_bytes(CONTENT)
    with serve_folder(tmp_path / "market") as site:
        host, port = site.url.removeprefix("http://").removesuffix("/cdd").split(":")
        # A raw request: clients tidy dots away before they ask.
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.makefile("rb").readline().split()[1] == b"404"


def test_a_folder_is_read_at_each_request(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    with serve_folder(tmp_path) as site:
        assert get(f"{site.url}/{NAME}").content == CONTENT
        (tmp_path / "Bitstamp_BTCUSD_d.csv").write_bytes(b"new")
        assert get(f"{site.url}/Bitstamp_BTCUSD_d.csv").content == b"new"


def test_scripted_answers_come_first_and_once_each() -> None:
    script = [Reply(500), Reply(429, headers={"Retry-After": "1"}), Reply(200, b"<html>Be back soon</html>")]
    with serve_market({NAME: CONTENT}, script=script) as site:
        answers = [get(f"{site.url}/{NAME}") for _ in range(5)]
    assert [a.status_code for a in answers] == [500, 429, 200, 200, 200]
    assert answers[1].headers["Retry-After"] == "1"
    assert answers[2].content.startswith(b"<html>")
    assert answers[4].content == CONTENT
    assert [r.status for r in site.requests] == [500, 429, 200, 200, 200]


def test_a_transfer_can_break_off() -> None:
    script = [Reply(200, CONTENT[:10], promised_bytes=len(CONTENT)), Reply(0)]
    with serve_market({NAME: CONTENT}, script=script) as site:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            get(f"{site.url}/{NAME}")
        with pytest.raises(requests.exceptions.ConnectionError):
            get(f"{site.url}/{NAME}")


def test_a_slow_site_outlasts_the_clients_patience_and_still_closes_at_once() -> None:
    began = time.monotonic()
    with serve_market({}, script=[Reply(200, CONTENT, wait_s=60), Reply(200, CONTENT, pause_s=60)]) as site:
        for _ in range(2):
            with pytest.raises(requests.exceptions.RequestException):
                requests.get(f"{site.url}/{NAME}", timeout=0.2)
    assert time.monotonic() - began < 10


def test_nothing_is_printed_and_nothing_is_left(capfd: pytest.CaptureFixture[str]) -> None:
    threads = threading.active_count()
    with serve_market({NAME: CONTENT}) as site:
        get(f"{site.url}/{NAME}")
        assert requests.head(f"{site.url}/{NAME}", timeout=5).headers["Content-Length"] == str(len(CONTENT))
        get(f"{site.url}/none")
    assert threading.active_count() == threads
    assert capfd.readouterr() == ("", "")
    with pytest.raises(requests.exceptions.ConnectionError):
        get(f"{site.url}/{NAME}")


def test_many_clients_are_served_at_once() -> None:
    answers: list[bytes] = []
    with serve_market({NAME: CONTENT * 1000}) as site:
        clients = [
            threading.Thread(target=lambda: answers.append(get(f"{site.url}/{NAME}").content))
            for _ in range(12)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert answers == [CONTENT * 1000] * 12
