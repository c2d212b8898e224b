"""The data of a page's charts as CSV, and their pictures as SVG, in the series' folder."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from io import StringIO
from math import isnan
from typing import Any, Final

from pipeline.forecasts.quantiles import HORIZONS, MEDIAN, interval
from pipeline.page.charts.fan_chart import DAYS_SHOWN
from pipeline.page.charts.standalone import svg_file
from pipeline.page.content import PastForecast, Record, SeriesContent
from pipeline.page.days.former import SHOWN
from pipeline.page.latest import series_folder
from pipeline.page.prices import coin_name
from pipeline.page.views import drawn_record

_Row = Sequence[Any]
_ENDS: Final = [f"{side}_{coverage}" for coverage in SHOWN for side in ("lower", "upper")]
_TITLES: Final = {
    "ranges": "ranges forecast the day before, closes, and the week ahead",
    "reliability": "share of ranges that held",
    "pit": "where the closes fell in their forecasts",
    "skill": "error as a multiple of the random walk's",
}


def chart_files(content: SeriesContent, view: Mapping[str, Any]) -> dict[str, bytes]:
    """CSV and SVG of every chart of the page, by path from the site's root.

    Args:
        content: What the page shows.
        view: Its values, with the charts as they are drawn on it.
    """
    folder, name = series_folder(content.series.slug), coin_name(content.series)
    drawings = {
        "ranges": view["fan"],
        "reliability": view["reliability"],
        "pit": view["pit"],
        "skill": view["skill_chart"],
    }
    made_up = content.simulated
    files: dict[str, bytes] = {}
    for chart, drawing in drawings.items():
        if drawing is not None:
            files[f"{folder}{chart}.svg"] = svg_file(
                drawing["wide"], title=f"{name}: {_TITLES[chart]}", simulated=made_up
            )
            files[f"{folder}{chart}.csv"] = _csv(_rows(chart, content), simulated=made_up)
    return files


def _rows(chart: str, content: SeriesContent) -> Iterable[_Row]:
    record = drawn_record(content)
    if chart == "ranges" or record is None:
        return _ranges(content)
    return {"reliability": _reliability, "pit": _pit, "skill": _skill}[chart](record)


def _ranges(content: SeriesContent) -> Iterator[_Row]:
    """A row a day: ninety that are over and seven ahead; the close where it may be told."""
    told = ["close"] if content.publish_truth else []
    yield ["day", "as_of", "made", "median", *_ENDS, "held_80", *told]
    past, closes = _past(content), {one.day: one.price for one in content.closes if not one.filled}
    as_of = content.forecast.as_of
    for back in range(DAYS_SHOWN - 1, -1, -1):
        day = as_of - timedelta(days=back)
        said = past.get(day, [""] * (4 + len(_ENDS)))
        if day in past or told:
            yield [day, *said, *([closes.get(day, "")] if told else [])]
    for horizon in HORIZONS:
        quantiles = content.forecast.quantiles[horizon - 1]
        ends = [float(end) for coverage in SHOWN for end in interval(quantiles, coverage)]
        target = content.forecast.target_date(horizon)
        yield [
            target,
            as_of,
            content.mode(horizon),
            float(quantiles[MEDIAN]),
            *ends,
            "",
            *([""] if told else []),
        ]


def _past(content: SeriesContent) -> dict[date, _Row]:
    """By day; where a day has both, the forecast that was issued in time."""
    rows: dict[date, _Row] = {}
    for record in (content.backfill, content.live):
        for past in record.past if record else ():
            rows[past.target_date] = _said(past, record.mode if record else "")
    return rows


def _said(past: PastForecast, mode: str) -> _Row:
    ends = [end for coverage in SHOWN for end in past.ranges[coverage]]
    return [past.target_date - timedelta(days=1), mode, past.median, *ends, int(past.hits[80])]


def _reliability(record: Record) -> Iterator[_Row]:
    yield ["range_pct", "made", "days", "held", "share", "lower_95", "upper_95"]
    line = record.next_day
    for one in line.coverage if line else ():
        days = line.n if line else 0
        yield [one.nominal, record.mode, days, one.hits, one.share, one.interval.lower, one.interval.upper]


def _pit(record: Record) -> Iterator[_Row]:
    yield ["from_pct", "to_pct", "made", "days"]
    for tenth, count in enumerate(record.next_day.pit if record.next_day else ()):
        yield [10 * tenth, 10 * tenth + 10, record.mode, count]


def _skill(record: Record) -> Iterator[_Row]:
    yield ["day", "made", "days", "relative_wis", "lower_95", "upper_95"]
    for point in record.skill_path:
        figures = [point.relative_wis, point.lower, point.upper]
        yield [point.day, record.mode, point.days, *("" if isnan(one) else one for one in figures)]


def _csv(rows: Iterable[_Row], *, simulated: bool) -> bytes:
    """The table; of a made-up market with a column that says so."""
    if simulated:
        rows = [[*row, "simulated_data" if place == 0 else 1] for place, row in enumerate(rows)]
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
