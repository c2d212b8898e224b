"""Series published one after another, and a day published again."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline.page import rendering
from pipeline.page.content import SeriesContent
from pipeline.page.latest import latest_json, write_latest
from pipeline.page.merging import merge_publication

MakeContent = Callable[..., SeriesContent]


@pytest.fixture(scope="module")
def bitcoin(make_content: MakeContent) -> SeriesContent:
    return make_content(live=0)


@pytest.fixture(scope="module")
def ether(make_content: MakeContent) -> SeriesContent:
    return make_content("kraken/ETHUSD/1d", price=2100.0, live=0)


@pytest.fixture(autouse=True)
def quick_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The charts are not what is tried here."""
    monkeypatch.setattr(
        rendering, "render_series", lambda content: f"page as of {content.forecast.as_of}".encode()
    )


def files_of(*contents: SeriesContent) -> dict[str, bytes]:
    return {**rendering.render_site(contents), "latest.json": latest_json(contents)}


def series_in(files: dict[str, bytes]) -> Any:
    return json.loads(files["latest.json"])["series"]


def test_the_first_publication_is_taken_as_it_is(bitcoin: SeriesContent) -> None:
    files = files_of(bitcoin)
    assert merge_publication(files, {}) == files


def test_series_one_after_another_end_as_if_at_once(bitcoin: SeriesContent, ether: SeriesContent) -> None:
    first = files_of(ether)
    merged = {**first, **merge_publication(files_of(bitcoin), first)}
    assert merged == files_of(bitcoin, ether)
    assert b"Ether" in merged["index.html"]


def test_the_same_again_changes_nothing(bitcoin: SeriesContent, ether: SeriesContent) -> None:
    everything = files_of(bitcoin, ether)
    assert {**everything, **merge_publication(files_of(ether), everything)} == everything


def test_an_older_day_does_not_replace_a_newer_page(bitcoin: SeriesContent) -> None:
    older = replace(
        bitcoin, forecast=replace(bitcoin.forecast, as_of=bitcoin.forecast.as_of - timedelta(days=3))
    )
    published = files_of(bitcoin)
    assert {**published, **merge_publication(files_of(older), published)} == published
    newer = {**files_of(older), **merge_publication(published, files_of(older))}
    assert newer == published


def test_a_published_document_that_cannot_be_read_is_replaced(bitcoin: SeriesContent) -> None:
    assert merge_publication(files_of(bitcoin), {"latest.json": b"{"}) == files_of(bitcoin)


def test_the_weeks_report_stays_on_the_index_until_the_next_one(bitcoin: SeriesContent) -> None:
    def reported(week: str, published: dict[str, bytes]) -> dict[str, bytes]:
        files = {"weekly.html": week.encode(), "latest.json": write_latest({}, week=week)}
        return {**published, **merge_publication(files, published)}

    published = reported("2026-W13", files_of(bitcoin))
    assert series_in(published) == series_in(files_of(bitcoin))
    published |= merge_publication(files_of(bitcoin), published)
    assert b'href="weekly.html">How the forecasts of 2026-W13 turned out' in published["index.html"]
    assert b"2026-W14" in reported("2026-W14", published)["index.html"]
    assert b"weekly.html" not in files_of(bitcoin)["index.html"]
    assert b"No series has been published yet." in reported("2026-W13", {})["index.html"]


def test_hub_files_add_up(bitcoin: SeriesContent) -> None:
    path = "hub/target-data/time-series.csv"
    header = b"target_end_date,location,observation\n"
    published = {path: header + b"2026-03-28,a,1.0\n"}
    merged = merge_publication({**files_of(bitcoin), path: header + b"2026-03-29,a,2.0\n"}, published)
    assert merged[path] == header + b"2026-03-28,a,1.0\n2026-03-29,a,2.0\n"
