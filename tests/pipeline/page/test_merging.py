"""Series published one after another, and a day published again."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline.page import formats, site
from pipeline.page.content import SeriesContent
from pipeline.page.latest import Latest, write_latest
from pipeline.page.merging import merge_publication
from pipeline.page.short import IssuedForecast, ShortContent
from pipeline.page.site import full_page, short_page, site_files

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

    def files(content: SeriesContent) -> dict[str, bytes]:
        slug, as_of = content.series.slug, content.forecast.as_of
        return {f"{slug}.html": f"page as of {as_of}".encode(), f"{slug}/ranges.csv": f"{as_of}".encode()}

    monkeypatch.setattr(site, "series_files", files)


def files_of(*contents: SeriesContent) -> dict[str, bytes]:
    return site_files([full_page(content) for content in contents])


def short_files_of(content: SeriesContent) -> dict[str, bytes]:
    """The files of a day on which the page of this series cannot be drawn."""
    issued = IssuedForecast(content.forecast, content.issue.now, simulated_time=False)
    return site_files([short_page(ShortContent(content.series, content.forecast.as_of, issued))])


def earlier(content: SeriesContent, *, days: int) -> SeriesContent:
    as_of = content.forecast.as_of - timedelta(days=days)
    return replace(content, forecast=replace(content.forecast, as_of=as_of))


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


def test_a_format_that_is_added_is_published_of_all_series(
    bitcoin: SeriesContent, ether: SeriesContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        formats, "FORMATS", {**formats.FORMATS, "names.txt": lambda latest: " ".join(latest.series).encode()}
    )
    first = files_of(ether)
    assert first["names.txt"] == b"kraken-ethusd-1d"
    merged = merge_publication(files_of(bitcoin), first)
    assert sorted(merged["names.txt"].split()) == [b"binance-btcusdt-1d", b"kraken-ethusd-1d"]


def test_the_same_again_changes_nothing(bitcoin: SeriesContent, ether: SeriesContent) -> None:
    everything = files_of(bitcoin, ether)
    assert {**everything, **merge_publication(files_of(ether), everything)} == everything


def test_an_older_day_does_not_replace_a_newer_page(bitcoin: SeriesContent) -> None:
    older = earlier(bitcoin, days=3)
    published = files_of(bitcoin)
    assert {**published, **merge_publication(files_of(older), published)} == published
    newer = {**files_of(older), **merge_publication(published, files_of(older))}
    assert newer == published


@pytest.mark.parametrize("days", [0, 1])
def test_a_short_page_takes_the_place_of_a_whole_one_and_back(
    bitcoin: SeriesContent, ether: SeriesContent, days: int
) -> None:
    """Of the same day, and of the next: no stale page beside a newer forecast, no series in both lists."""
    published = {**files_of(earlier(bitcoin, days=days), ether)}
    failed = {**published, **merge_publication(short_files_of(bitcoin), published)}
    document = json.loads(failed["latest.json"])
    assert (set(document["series"]), set(document["undrawn"])) == ({ether.series.slug}, {bitcoin.series.slug})
    assert failed["binance-btcusdt-1d.html"] == short_files_of(bitcoin)["binance-btcusdt-1d.html"]
    assert b"The page of Bitcoin could not be drawn" in failed["index.html"]
    healed = {**failed, **merge_publication(files_of(bitcoin), failed)}
    assert healed == files_of(bitcoin, ether)


def test_a_short_page_of_an_older_day_replaces_nothing(bitcoin: SeriesContent) -> None:
    published = files_of(bitcoin)
    short = short_files_of(earlier(bitcoin, days=3))
    assert {**published, **merge_publication(short, published)} == published
    newest = short_files_of(bitcoin)
    assert {**newest, **merge_publication(files_of(earlier(bitcoin, days=3)), newest)} == newest


def test_a_short_page_stays_while_others_are_published(bitcoin: SeriesContent, ether: SeriesContent) -> None:
    published = short_files_of(bitcoin)
    both = {**published, **merge_publication(files_of(ether), published)}
    assert set(json.loads(both["latest.json"])["undrawn"]) == {bitcoin.series.slug}
    reported = merge_publication({"latest.json": write_latest(Latest(week="2026-W13"))}, both)
    assert json.loads(reported["latest.json"])["undrawn"] == json.loads(both["latest.json"])["undrawn"]


def test_a_damaged_entry_of_another_series_stops_nothing(
    bitcoin: SeriesContent, ether: SeriesContent
) -> None:
    published = files_of(bitcoin, ether)
    document = json.loads(published["latest.json"])
    del document["series"][ether.series.slug]["as_of"]
    damaged = {**published, "latest.json": json.dumps(document).encode()}
    assert set(series_in(merge_publication(files_of(bitcoin), damaged))) == {bitcoin.series.slug}


def test_a_published_document_that_cannot_be_read_is_replaced(bitcoin: SeriesContent) -> None:
    assert merge_publication(files_of(bitcoin), {"latest.json": b"{"}) == files_of(bitcoin)


def test_the_weeks_report_stays_on_the_index_until_the_next_one(bitcoin: SeriesContent) -> None:
    def reported(week: str, published: dict[str, bytes]) -> dict[str, bytes]:
        files = {"weekly.html": week.encode(), "latest.json": write_latest(Latest(week=week))}
        return {**published, **merge_publication(files, published)}

    published = reported("2026-W13", files_of(bitcoin))
    assert series_in(published) == series_in(files_of(bitcoin))
    published |= merge_publication(files_of(bitcoin), published)
    assert b'href="weekly.html">How the forecasts of 2026-W13 turned out' in published["index.html"]
    assert b"2026-W14" in reported("2026-W14", published)["index.html"]
    assert b"weekly.html" not in files_of(bitcoin)["index.html"]
    assert b"No series has been published yet." in reported("2026-W13", {})["index.html"]


def test_weeks_with_a_page_of_their_own_add_up(bitcoin: SeriesContent) -> None:
    published = files_of(bitcoin)
    for week in ("2026-W13", "2026-W11", "2026-W14", "2026-W13"):
        latest = write_latest(Latest(week=week, weeks=(week,)))
        published |= merge_publication({f"weeks/{week}.html": b"", "latest.json": latest}, published)
    published |= merge_publication(files_of(bitcoin), published)
    assert json.loads(published["latest.json"])["weeks"] == ["2026-W11", "2026-W13", "2026-W14"]
    damaged = {**json.loads(published["latest.json"]), "weeks": ["2026-W11", 7, "../../etc"]}
    merged = merge_publication(files_of(bitcoin), {"latest.json": json.dumps(damaged).encode()})
    assert json.loads(merged["latest.json"])["weeks"] == ["2026-W11"]


def test_hub_files_add_up(bitcoin: SeriesContent) -> None:
    path = "hub/target-data/time-series.csv"
    header = b"target_end_date,location,observation\n"
    published = {path: header + b"2026-03-28,a,1.0\n"}
    merged = merge_publication({**files_of(bitcoin), path: header + b"2026-03-29,a,2.0\n"}, published)
    assert merged[path] == header + b"2026-03-28,a,1.0\n2026-03-29,a,2.0\n"
