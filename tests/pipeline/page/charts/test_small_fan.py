"""The index' small picture is that of the numbers in latest.json."""

import re
from collections.abc import Callable

import pytest

from pipeline.page.charts.small_fan import HEIGHT, WIDTH, small_fan
from pipeline.page.content import SeriesContent
from pipeline.page.latest import Latest, series_entry
from pipeline.page.rendering import render_index


@pytest.fixture(scope="module")
def content(make_content: Callable[..., SeriesContent]) -> SeriesContent:
    return make_content(live=0)


def polygon(svg: str, coverage: int) -> list[tuple[float, float]]:
    (points,) = re.findall(rf'class="f{coverage}" points="([^"]*)"', svg)
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())]


def test_it_is_drawn_to_scale_from_the_last_close_on(content: SeriesContent) -> None:
    svg = small_fan(series_entry(content))
    heights = [y for coverage in (95, 80, 50) for _, y in polygon(svg, coverage)]
    assert min(heights) >= 0
    assert max(heights) <= HEIGHT
    quantiles = content.forecast.quantiles
    scale = (max(heights) - min(heights)) / (quantiles[:, 21].max() - quantiles[:, 1].min())
    for coverage, lower, upper in ((95, 1, 21), (80, 3, 19), (50, 6, 16)):
        points = polygon(svg, coverage)
        assert len(points) == 16
        assert max(x for x, _ in points) <= WIDTH
        ends = list(zip(points[:8], reversed(points[8:]), strict=True))
        # The change is rounded, the close that begins the fan with it.
        assert ends[0][0] == ends[0][1]
        for day, ((left, low), (right, high)) in zip(quantiles, ends[1:], strict=True):
            assert left == right
            assert low - high == pytest.approx(scale * (day[upper] - day[lower]), abs=0.11)


def test_an_entry_of_before_is_listed_without_what_it_lacks(content: SeriesContent) -> None:
    entry = dict(series_entry(content))
    new = render_index(Latest(series={content.series.slug: entry})).decode()
    del entry["change_80"]
    old = render_index(Latest(series={content.series.slug: entry})).decode()
    assert len(polygon(small_fan(entry), 80)) == 14
    assert ("from the close of 29 March" in new, "from the close of 29 March" in old) == (True, False)
    assert 'class="f80"' in old
