"""Former forecasts keep their place, with what came of them."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from pipeline.page.content import SeriesContent
from pipeline.page.days.former import FormerHorizon, former_forecasts, permalink
from pipeline.page.days.months import month_pages
from pipeline.page.rendering import render_series

MakeContent = Callable[..., SeriesContent]


@pytest.fixture(scope="module")
def content(make_content: MakeContent) -> SeriesContent:
    return make_content(live=40, backfill=30)


@pytest.fixture(scope="module")
def pages(content: SeriesContent) -> dict[str, str]:
    return {path: page.decode() for path, page in month_pages(content).items()}


def text(page: str) -> str:
    return " ".join(
        re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL).split()
    )


def test_every_published_day_has_its_place(content: SeriesContent, pages: dict[str, str]) -> None:
    assert list(pages) == [f"binance-btcusdt-1d/2026-{month:02}.html" for month in (1, 2, 3)]
    places = {
        f"{path}#{name}"
        for path, page in pages.items()
        for name in re.findall(r'<section class="day" id="(d[^"]*)"', page)
    }
    last = content.forecast.as_of
    assert places == {permalink("binance-btcusdt-1d", last - timedelta(days=back)) for back in range(71)}


@pytest.mark.slow
def test_rows_of_the_page_lead_to_places_that_are_there(
    content: SeriesContent, pages: dict[str, str]
) -> None:
    links = re.findall(r'<th scope="row"><a href="([^"]*)#([^"]*)">', render_series(content).decode())
    assert len(links) == 70 + 30, "the numbers of the chart, and the last thirty"
    assert [link for link in links if f'id="{link[1]}"' not in pages[link[0]]] == []


def test_outcome_and_error_are_those_of_the_scores(content: SeriesContent, make_content: MakeContent) -> None:
    assert content.live is not None
    by_target = {one.horizons[0].target_date: one.horizons[0] for one in content.former}
    for past in content.live.past:
        said = by_target[past.target_date]
        assert (said.held, said.actual, said.ranges[80]) == (past.hits[80], past.actual, past.ranges[80])
    line = content.live.next_day
    assert line is not None
    assert line.skill is not None
    newest = content.former[-1]
    assert [row.outcome for row in newest.horizons] == ["pending"] * 7
    assert [row.outcome for row in content.former[-4].horizons][3:] == ["pending"] * 4
    assert all(row.relative_wis is None for row in newest.horizons)


def rows_of_two_models() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A day said by both models in time, and by one of them again afterwards; the close was scored."""
    day = pd.Timestamp("2026-03-28")
    common = {"series": "binance/BTCUSDT/1d", "as_of": day, "horizon": 1}
    issue = {
        "target_date": day + pd.Timedelta(days=1),
        "issued_at": pd.Timestamp("2026-03-29T00:20Z"),
        "simulated_time": False,
        "model_version": "-",
        "run_id": "",
        "snapshot_sha256": "",
    }
    said = [("a", "live", 1.0), ("a", "backfill", 9.0), ("coincast-random_walk", "live", 2.0)]
    rows = [
        common | issue | {"model_id": model, "mode": mode, "quantiles": np.linspace(100, 200, 23) * scale}
        for model, mode, scale in said
    ]
    scores = [
        common
        | {"model_id": model, "mode": mode, "actual_close": 150.0, "hit_80": scale == 1.0, "wis": scale}
        for model, mode, scale in said
    ]
    return pd.DataFrame(rows), pd.DataFrame(scores)


def test_what_was_published_is_shown_and_in_time_before_afterwards() -> None:
    rows, scores = rows_of_two_models()
    day = rows["as_of"].iloc[0].date()
    (usual,) = former_forecasts(rows, scores, published={}, usual="a")
    (horizon,) = usual.horizons
    assert (usual.model_id, horizon.mode, horizon.median) == ("a", "live", 150.0)
    assert (horizon.outcome, horizon.actual, horizon.relative_wis) == ("held", 150.0, 0.5)
    (walk,) = former_forecasts(rows, scores, published={day: "coincast-random_walk"}, usual="a")
    assert (walk.model_id, walk.horizons[0].median, walk.horizons[0].relative_wis) == (
        "coincast-random_walk",
        300.0,
        1,
    )
    (unscored,) = former_forecasts(rows, scores[:0], published={}, usual="a")
    assert unscored.horizons[0].outcome == "pending"
    assert former_forecasts(rows[:0], scores, published={}, usual="a") == ()
    assert former_forecasts(rows, scores, published={}, usual="another") == ()


def test_a_day_is_marked_by_how_its_next_day_was_forecast(content: SeriesContent) -> None:
    """After a day is over its next day is made afterwards, and those further ahead may still be in time."""
    one = content.former[-1]
    live = tuple(replace(row, mode="live") for row in one.horizons)
    late = tuple(replace(row, mode="backfill") for row in one.horizons)

    def marks(*horizons: FormerHorizon) -> tuple[int, int]:
        (page,) = month_pages(replace(content, former=(replace(one, horizons=horizons),))).values()
        title, rows = page.decode().split("<details", 1)
        return title.count("made afterwards"), rows.count("made afterwards")

    assert marks(*live) == (0, 0)
    assert marks(*late) == (1, 0)
    assert marks(*late[:1], *live[1:]) == (1, 1)


def test_a_row_that_cannot_be_read_stops_no_month(content: SeriesContent) -> None:
    first = content.former[0]
    lost = replace(
        first.horizons[0], median=float("nan"), ranges=dict.fromkeys((95, 80, 50), (float("nan"),) * 2)
    )
    damaged = replace(content, former=(replace(first, horizons=(lost, *first.horizons[1:])),))
    (page,) = month_pages(damaged).values()
    assert b"unreadable" in page


def test_closes_are_told_only_where_they_may_be(content: SeriesContent, pages: dict[str, str]) -> None:
    assert all(">Close<" not in page for page in pages.values())
    told = month_pages(replace(content, publish_truth=True))
    assert all(b">Close<" in page for page in told.values())


def test_a_month_is_small_well_formed_and_the_same_again(
    content: SeriesContent, pages: dict[str, str]
) -> None:
    assert max(len(page) for page in pages.values()) < 150_000
    assert {path: page.encode() for path, page in pages.items()} == month_pages(content)
    page = pages["binance-btcusdt-1d/2026-02.html"]
    body = page[page.index("<main") : page.index("</main>") + len("</main>")]
    ET.fromstring(body.replace("&nbsp;", " "))
    assert 'href="../binance-btcusdt-1d/2026-01.html"' in page
    assert 'href="../binance-btcusdt-1d/2026-03.html"' in page
    assert 'href="../index.html"' in page
    assert not re.findall("[0-9a-f]{32}", text(re.sub("<details>.*?</details>", "", page, flags=re.DOTALL)))
