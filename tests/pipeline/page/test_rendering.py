"""What a page's bytes hold, without a browser."""

import base64
import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pipeline.page.content import SeriesContent
from pipeline.page.latest import Latest
from pipeline.page.rendering import render_index, render_series
from pipeline.page.site import full_page, site_files

pytestmark = pytest.mark.slow

MakeContent = Callable[..., SeriesContent]


@pytest.fixture(scope="module")
def content(make_content: MakeContent) -> SeriesContent:
    return make_content(live=120, backfill=60)


@pytest.fixture(scope="module")
def page(content: SeriesContent) -> str:
    return render_series(content).decode()


def site_of(*contents: SeriesContent) -> dict[str, bytes]:
    return site_files([full_page(content) for content in contents])


def test_a_page_needs_nothing_from_elsewhere(content: SeriesContent, page: str) -> None:
    files = site_of(content)
    for path, html in {name: file.decode() for name, file in files.items() if name.endswith(".html")}.items():
        assert len(html.encode()) < 1_500_000
        referred = {url.partition("#")[0] for url in re.findall(r'(?:src|href)="([^"]*)"', html)} - {
            "",
            "data:,",
        }
        places = {posixpath.normpath(posixpath.join(posixpath.dirname(path), url)) for url in referred}
        assert places - files.keys() == set(), f"{path} leads nowhere but into the site"
    assert "@import" not in page
    assert "url(http" not in page


def test_drawings_are_well_formed_and_their_ids_are_unique(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 8, "four charts, each wide and narrow"
    ids = []
    for drawing in drawings:
        ids += [element.get("id") for element in ET.fromstring(drawing).iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert re.findall(r"#[0-9a-f]{6}", " ".join(drawings)) == [], "every colour is the theme's"


def test_every_chart_has_a_table(page: str) -> None:
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(figures) == 4
    assert all("<table" in figure.split("</svg>")[-1] for figure in figures)


def test_closes_are_told_only_where_they_may_be(content: SeriesContent, page: str) -> None:
    actuals = [past.actual for past in content.live.past] if content.live else []
    assert actuals
    assert not [price for price in actuals[:-1] if f'"{price!r}"' in page]
    assert "closed at" not in page
    told = render_series(replace(content, publish_truth=True)).decode()
    assert [price for price in actuals if f'"{price!r}"' not in told] == []


def test_words_from_elsewhere_stay_words(content: SeriesContent) -> None:
    evil = "<script>alert(1)</script>"
    issue = replace(content.issue, recipe_title=evil, run_url="javascript:alert(1)", run_id=evil)
    changed = replace(
        content,
        issue=issue,
        attribution=evil,
        health=replace(content.health, source=evil, warnings=(evil,)),
        gate=replace(content.gate, reasons=(evil,)),
    )
    for text in (render_series(changed).decode(), site_of(changed)["index.html"].decode()):
        assert "<script>alert" not in text
        assert "javascript:" not in text
        assert "&lt;script&gt;" in text


def test_a_made_up_market_is_branded_everywhere(make_content: MakeContent) -> None:
    files = site_of(make_content(live=0, simulated=True))
    del files["latest.json"]
    kinds = {path.rpartition(".")[2] for path in files}
    assert kinds == {"html", "svg", "csv"}
    for path, text in files.items():
        if path.endswith(".csv"):
            rows = text.decode().splitlines()
            assert rows[0].endswith(",simulated_data")
            assert all(row.endswith(",1") for row in rows[1:])
            continue
        assert b"(simulated data)</title>" in text
        assert (
            b"Simulated data: this market is made up." if path.endswith(".html") else b">Simulated data<"
        ) in text


def test_a_mixed_index_brands_the_made_up_series(make_content: MakeContent) -> None:
    made_up = make_content("kraken/ETHUSD/1d", price=2100.0, live=0, simulated=True)
    index = site_of(make_content(live=0), made_up)["index.html"].decode()
    assert index.count("simulated data</span>") == 1
    assert "this market is made up" not in index


def test_an_empty_index_opens(content: SeriesContent) -> None:
    assert b"No series has been published yet." in render_index(Latest())
    assert render_index(full_page(content).latest) == site_of(content)["index.html"]


def test_the_same_content_is_the_same_bytes_again(content: SeriesContent, page: str) -> None:
    """Publishing a day again must find nothing new, whatever was drawn in between."""
    render_series(replace(content, live=None))
    assert render_series(content).decode() == page


@pytest.mark.slow
def test_the_same_content_is_the_same_bytes_anywhere(content: SeriesContent, page: str) -> None:
    """In another process, in another time zone, with another hash seed."""
    code = """
import importlib.util, sys
from hashlib import sha256
spec = importlib.util.spec_from_file_location("contents", sys.argv[1])
contents = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contents)
from pipeline.page.rendering import render_series
print(sha256(render_series(contents._content(live=120, backfill=60))).hexdigest())
"""
    elsewhere = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).with_name("conftest.py"))],
        env={**os.environ, "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == sha256(page.encode()).hexdigest()


def test_a_page_runs_its_own_script_alone_and_leads_nowhere_private(
    content: SeriesContent, page: str
) -> None:
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script>")
    assert content.issue.run_url.startswith("http://127.0.0.1")
    assert "127.0.0.1" not in page
    public = replace(content, issue=replace(content.issue, run_url="https://mlflow.example.org/#/runs/1"))
    assert "https://mlflow.example.org/#/runs/1" in render_series(public).decode()


@pytest.mark.parametrize("simulated_time", [True, False])
def test_simulated_time_is_said_on_page_and_index(simulated_time: bool, content: SeriesContent) -> None:
    assert content.live is not None
    lines = tuple(replace(line, simulated_time=simulated_time) for line in content.live.lines)
    issue = replace(content.issue, simulated_time=simulated_time)
    told = replace(content, live=replace(content.live, lines=lines), issue=issue)
    page = full_page(told)
    said, index = page.page.decode(), site_files([page])["index.html"].decode()
    assert page.entry["issue"]["simulated_time"] is simulated_time
    assert ("Simulated time" in said, "simulated time" in index) == (simulated_time, simulated_time)
    assert ("ssued in time" in said) is not simulated_time
    assert ("ssued in simulated time" in said) is simulated_time
