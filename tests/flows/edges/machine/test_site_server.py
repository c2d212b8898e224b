"""The site's server, asked as HTTP does: what it gives, what it refuses, and what a browser may do with it."""

import asyncio
from pathlib import Path

import httpx
import pytest

from flows.edges.configuration import configuration
from flows.edges.files.targets import publish
from flows.edges.machine.site_address import shown_place
from flows.edges.machine.site_server import site_application

pytestmark = pytest.mark.slow

OWN = "http://127.0.0.1:4300"
FILES = {"index.html": b"<p>index", "latest.json": b"{}", "hub/model-output/a.csv": b"1,2"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A publication, with something else beside it."""
    folder = tmp_path / "site"
    publish(FILES, str(folder))
    (tmp_path / "coincast.db").write_text("secret")
    (folder / "out").symlink_to(tmp_path)
    return folder


def asked(folder: Path, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        # The path as it is: a client that tidies it up would leave nothing to refuse.
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site_application(folder))) as client:
            return await client.request(method, f"{OWN}{path}", headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(("path", "name"), [("/", "index.html"), *((f"/{name}", name) for name in FILES)])
def test_what_is_published_is_served(site: Path, path: str, name: str) -> None:
    answer = asked(site, path)
    assert (answer.status_code, answer.content) == (200, FILES[name])
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_later_publication_is_served_at_once(site: Path) -> None:
    asked(site, "/")
    publish({"index.html": b"<p>another"}, str(site))
    assert asked(site, "/").content == b"<p>another"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.html", "/hub", "/hub/", "/hub/model-output/", "/../coincast.db", "/%2e%2e/coincast.db",
        "/..%2fcoincast.db", "/out/coincast.db", "/.releases/current/index.html", "/.releases/", "//etc/passwd",
        "/hub/../../coincast.db",
    ],
)  # fmt: skip
def test_nothing_else_is(site: Path, path: str) -> None:
    assert asked(site, path).status_code == 404


@pytest.mark.parametrize("head", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_foreign_names_and_pages_are_refused(site: Path, head: dict[str, str]) -> None:
    assert asked(site, "/", **head).status_code == 403


def test_nothing_can_be_written(site: Path) -> None:
    assert asked(site, "/index.html", "POST").status_code == 405


def test_before_the_first_publication_there_is_no_page(tmp_path: Path) -> None:
    assert asked(tmp_path / "none", "/").status_code == 404


def test_without_a_server_a_page_is_where_it_lies() -> None:
    assert shown_place(configuration().places, "/srv/site", "weekly.html") == "/srv/site/weekly.html"
