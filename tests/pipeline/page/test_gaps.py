"""Missing days are gaps in a chart, and a few days are not drawn."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.page.charts.drawing import WIDE
from pipeline.page.charts.fan_chart import DAYS_SHOWN, fan_chart
from pipeline.page.charts.score_charts import skill_chart
from pipeline.page.content import SeriesContent
from pipeline.page.rendering import render_series
from pipeline.page.views import series_view

pytestmark = pytest.mark.slow

MakeContent = Callable[..., SeriesContent]


def parts(svg: str, stroke: str) -> list[int]:
    """Points of each unbroken piece of the line of that colour."""
    (path,) = re.findall(rf'<path d="([^"]*)"[^>]*stroke="var\({stroke}\)"', svg) or [""]
    return [len(re.findall(r"[ML]", piece)) for piece in re.findall("M[^M]*", path)]


def test_a_day_without_a_candle_is_a_gap_in_the_closes(make_content: MakeContent) -> None:
    content = make_content(live=0)
    assert parts(fan_chart(content, width=WIDE, step=1.0), "--ink") == [DAYS_SHOWN]
    days = list(content.closes)
    days[-10] = replace(days[-10], filled=True)
    del days[-20:-18]
    broken = replace(content, closes=tuple(days))
    # 71 days, two that are absent, eight, one that is bridged, nine.
    assert sum(parts(fan_chart(broken, width=WIDE, step=1.0), "--ink")) == DAYS_SHOWN - 3
    assert len(parts(fan_chart(broken, width=WIDE, step=1.0), "--ink")) == 3


def test_days_without_a_score_are_gaps_in_the_skill(make_content: MakeContent) -> None:
    live = make_content(live=60).live
    assert live is not None
    path = list(live.skill_path)
    assert len(parts(skill_chart(live, width=WIDE), "--band-deep")) == 1
    assert skill_chart(replace(live, skill_path=()), width=WIDE).startswith("<svg")
    del path[30:34]
    assert len(parts(skill_chart(replace(live, skill_path=tuple(path)), width=WIDE), "--band-deep")) == 2


@pytest.mark.parametrize(
    ("live", "backfill", "drawn", "late"),
    [(29, 0, False, False), (30, 0, True, False), (29, 40, True, True), (30, 40, True, False)],
)
def test_thirty_days_are_drawn_and_fewer_give_way_to_those_made_afterwards(
    make_content: MakeContent, live: int, backfill: int, drawn: bool, late: bool
) -> None:
    view = series_view(make_content(live=live, backfill=backfill))
    assert all((view[chart] is not None) is drawn for chart in ("reliability", "pit", "skill_chart"))
    assert view["drawn_late"] is late
    if drawn:
        for chart in ("reliability", "pit", "skill_chart"):
            assert ("var(--late)" in view[chart]["wide"] or "var(--muted)" in view[chart]["wide"]) or not late
            assert ("var(--band" in view[chart]["wide"]) is not late


def test_a_few_days_in_time_keep_their_table_beside_the_grey_charts(make_content: MakeContent) -> None:
    page = render_series(make_content(live=12, backfill=40)).decode()
    captions = re.findall(r"<caption>(Ranges that held[^<]*)</caption>", page)
    assert sorted(captions) == [
        "Ranges that held, one day ahead",
        "Ranges that held, one day ahead, made afterwards",
    ]
