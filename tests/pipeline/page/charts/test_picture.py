"""The picture of a shared link, and the words beside it."""

import re
import struct
from collections.abc import Callable

import pytest

from pipeline.page.charts.drawing import WIDE
from pipeline.page.charts.fan_chart import fan_chart
from pipeline.page.charts.picture import picture
from pipeline.page.content import SeriesContent
from pipeline.page.latest import Latest, series_entry
from pipeline.page.rendering import render_index, render_series
from pipeline.page.series_files import series_files

pytestmark = pytest.mark.slow


def properties(page: bytes) -> dict[str, str]:
    return dict(re.findall(r'<meta property="(og:[^"]*)" content="([^"]*)">', page.decode()))


@pytest.fixture(scope="module")
def public(make_content: Callable[..., SeriesContent]) -> SeriesContent:
    return make_content(live=0, site_url="https://example.org/forecasts")


def test_it_is_a_png_of_the_usual_size_and_the_same_again(public: SeriesContent) -> None:
    chart = fan_chart(public, width=WIDE, step=100.0)
    first = picture(public, chart)
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", first[16:24]) == (1200, 630)
    assert first == picture(public, chart)
    assert len(first) < 1_000_000


def test_a_public_site_has_a_picture_and_another_has_none(
    public: SeriesContent, make_content: Callable[..., SeriesContent]
) -> None:
    files = series_files(public)
    told = properties(files["binance-btcusdt-1d.html"])
    root = "https://example.org/forecasts/"
    assert told["og:url"] == f"{root}binance-btcusdt-1d.html"
    assert told["og:image"].removeprefix(root) in files, "the address leads to a file of the site"
    assert told["og:description"].startswith("Tomorrow (30 March) Bitcoin most likely closes between")
    index = properties(render_index(Latest(series={"binance-btcusdt-1d": series_entry(public)})))
    assert index["og:image"] == told["og:image"]
    assert "og:title" in index
    own = make_content(live=0)
    assert {"og:image", "og:url"} & properties(render_series(own)).keys() == set()
    assert "og:title" in properties(render_series(own))
    assert {"url", "picture"} & series_entry(own).keys() == set()
