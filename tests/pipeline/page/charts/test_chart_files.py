"""A chart's data and picture are those of the page."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pipeline.page.charts.chart_files import chart_files
from pipeline.page.charts.fan_chart import DAYS_SHOWN
from pipeline.page.charts.small_fan import small_fan
from pipeline.page.charts.standalone import svg_file
from pipeline.page.content import SeriesContent
from pipeline.page.views import series_view

pytestmark = pytest.mark.slow

MakeContent = Callable[..., SeriesContent]


@pytest.fixture(scope="module")
def content(make_content: MakeContent) -> SeriesContent:
    return make_content(live=40, backfill=20, publish_truth=True)


@pytest.fixture(scope="module")
def view(content: SeriesContent) -> dict[str, Any]:
    return series_view(content)


@pytest.fixture(scope="module")
def files(content: SeriesContent, view: dict[str, Any]) -> dict[str, bytes]:
    return chart_files(content, view)


def table(files: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[f"binance-btcusdt-1d/{name}.csv"].decode())))


def test_every_chart_has_both_files(files: dict[str, bytes]) -> None:
    names = {f"binance-btcusdt-1d/{chart}" for chart in ("ranges", "reliability", "pit", "skill")}
    assert files.keys() == {f"{name}.{kind}" for name in names for kind in ("csv", "svg")}


def test_ranges_are_a_row_a_day(files: dict[str, bytes], content: SeriesContent) -> None:
    rows = {row["day"]: row for row in table(files, "ranges")}
    as_of = content.forecast.as_of
    assert list(rows) == [str(as_of + timedelta(days=number)) for number in range(1 - DAYS_SHOWN, 8)]
    assert content.live is not None
    for past in content.live.past:
        row = rows[str(past.target_date)]
        assert (float(row["lower_80"]), float(row["upper_80"])) == past.ranges[80]
        assert (row["made"], row["held_80"] == "1", float(row["close"])) == (
            "live",
            past.hits[80],
            past.actual,
        )
        assert row["as_of"] == str(past.target_date - timedelta(days=1))
    tomorrow = rows[str(as_of + timedelta(days=1))]
    assert float(tomorrow["median"]) == content.forecast.quantiles[0][11]
    assert tomorrow["close"] == tomorrow["held_80"] == ""
    assert rows[str(as_of - timedelta(days=80))]["lower_80"] == "", "a day that nothing was said of"


def test_figures_of_the_record(files: dict[str, bytes], content: SeriesContent) -> None:
    assert content.live is not None
    line = content.live.next_day
    assert line is not None
    told = [
        (int(row["range_pct"]), int(row["held"]), float(row["share"])) for row in table(files, "reliability")
    ]
    assert told == [(one.nominal, one.hits, one.share) for one in line.coverage]
    assert [int(row["days"]) for row in table(files, "pit")] == list(line.pit)
    newest, last = table(files, "skill")[-1], content.live.skill_path[-1]
    assert (newest["day"], float(newest["relative_wis"])) == (str(last.day), last.relative_wis)


def test_closes_are_told_only_where_they_may_be(content: SeriesContent, view: dict[str, Any]) -> None:
    rows = table(chart_files(replace(content, publish_truth=False), view), "ranges")
    assert "close" not in rows[0]
    assert len(rows) == 60 + 7


def test_a_picture_needs_nothing_around_it(files: dict[str, bytes], content: SeriesContent) -> None:
    pictures = {name: svg for name, svg in files.items() if name.endswith(".svg")}
    entry = {"forecasts": [{"quantiles": [float(one) for one in row]} for row in content.forecast.quantiles]}
    pictures["week"] = svg_file(small_fan(entry), title="The <week> ahead")
    for name, svg in pictures.items():
        root = ET.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg", name
        assert float(root.get("width", "0")) > 200
        assert float(root.get("height", "0")) > 50
        assert b"var(" not in svg, "its colours are written out"
        assert not re.findall(rb'(?:href|src)="(?!#)', svg)
        assert root[0].text
    assert "Bitcoin" in pictures["binance-btcusdt-1d/ranges.svg"].decode()


def test_too_few_days_have_no_files(make_content: MakeContent) -> None:
    young = make_content(live=5)
    charts = {
        "fan": {"wide": '<svg viewBox="0 0 1 1"></svg>'},
        "reliability": None,
        "pit": None,
        "skill_chart": None,
    }
    assert sorted(chart_files(young, charts)) == [
        "binance-btcusdt-1d/ranges.csv",
        "binance-btcusdt-1d/ranges.svg",
    ]
