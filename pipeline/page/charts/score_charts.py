"""How often ranges held, where outcomes fell, and skill as it grew."""

import math
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from pipeline.forecasts.columns import LIVE
from pipeline.page.charts.drawing import NARROW, Spec, day_axis, draw, instant, mark
from pipeline.page.content import Record
from pipeline.page.sentences import days, percent, short_date, times_words
from pipeline.scores.scorecard import ScoreLine

# A skill's first weeks are too rough to be worth an axis that shows them whole.
_FEWEST_DAYS: Final = 10
_A_DAY: Final = 86_400_000
_SHARE: Final[Spec] = {"type": "quantitative", "scale": {"domain": [0.3, 1.0]}}


def reliability_chart(record: Record, line: ScoreLine, *, width: int) -> Markup:
    """Share of ranges that held against the share that should, with 95 percent intervals; honest is the diagonal."""
    rows = [
        {
            "nominal": figure.nominal / 100,
            "share": figure.share,
            "lower": max(figure.interval.lower, 0.3),
            "upper": figure.interval.upper,
            "label": f"{figure.nominal} % ranges held on {percent(figure.share)} of {line.n} days",
        }
        for figure in line.coverage
    ]
    axis = {"format": ".0%", "values": [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]}
    x = {
        **_SHARE,
        "field": "nominal",
        "axis": {
            **axis,
            "title": "should hold",
            "grid": False,
            "values": [0.5, 0.8, 0.9, 0.95],
            "labelOverlap": "greedy",
        },
    }
    y = {**_SHARE, "axis": {**axis, "title": "held"}}
    layers = [
        {
            "data": {"values": [{"nominal": end, "share": end} for end in (0.3, 1.0)]},
            "mark": mark("line", color="var(--muted)", strokeDash=[4, 4], strokeWidth=1.2),
            "encoding": {"x": x, "y": {"field": "share", **y}},
        },
        {
            "data": {"values": rows},
            "mark": mark("rule", color=_ink(record), strokeWidth=2.5),
            "encoding": {"x": x, "y": {"field": "lower", **y}, "y2": {"field": "upper"}},
        },
        {
            "data": {"values": rows},
            "mark": mark("circle", labelled=True, color=_ink(record), size=110, opacity=1),
            "encoding": {"x": x, "y": {"field": "share", **y}, "description": {"field": "label"}},
        },
    ]
    return draw({"width": width, "height": 270, "layer": layers}, f"reliability{width}")


def pit_chart(record: Record, line: ScoreLine, *, width: int) -> Markup:
    """Outcomes in each tenth of the forecast distribution; the dashed line is the even share of honest forecasts."""
    rows = [
        {
            "tenth": f"{10 * index}–{10 * index + 10}",
            "order": index,
            "count": count,
            "label": f"{count} of {line.n} outcomes between the {10 * index} % and {10 * index + 10} % quantile",
        }
        for index, count in enumerate(line.pit)
    ]
    x = {"field": "tenth", "type": "ordinal", "sort": {"field": "order"}}
    axis = {
        "title": "where in the forecast distribution the close fell, in percent",
        "labelAngle": 0,
        "labelOverlap": True,
    }
    y = {"type": "quantitative", "axis": {"title": "days", "tickMinStep": 1, "tickCount": 5}}
    layers = [
        {
            "data": {"values": rows},
            "mark": mark("bar", labelled=True, color=_fill(record), width={"band": 0.86}),
            "encoding": {
                "x": {**x, "axis": axis},
                "y": {"field": "count", **y},
                "description": {"field": "label"},
            },
        },
        {
            "data": {"values": [{"even": line.n / len(line.pit)}]},
            "mark": mark("rule", color="var(--muted)", strokeDash=[4, 4], strokeWidth=1.2),
            "encoding": {"y": {"field": "even", **y}},
        },
    ]
    return draw({"width": width, "height": 270, "layer": layers}, f"pit{width}")


def skill_chart(record: Record, *, width: int) -> Markup:
    """Error as a multiple of the random walk's, over all days up to each; below the line of 1 is better."""
    settled = [
        {
            "day": instant(point.day),
            "ratio": point.relative_wis,
            "lower": point.lower,
            "upper": point.upper,
            "label": f"{short_date(point.day)}: {times_words(point.relative_wis)}, "
            f"{times_words(point.lower)} to {times_words(point.upper)}, "
            f"{days(point.days)}",
        }
        for point in record.skill_path[_FEWEST_DAYS - 1 :]
        if not math.isnan(point.lower)
    ]
    rows = _with_gaps(settled)
    day = day_axis(width)
    ratio = {
        "type": "quantitative",
        "scale": {"zero": False, "domain": _around_one(settled), "clamp": True},
        "axis": {"title": None, "orient": "right", "format": ".3f", "tickCount": 6},
    }
    layers = [
        {
            "data": {"values": rows},
            "mark": mark("area", color=_fill(record), opacity=0.4),
            "encoding": {"x": day, "y": {"field": "lower", **ratio}, "y2": {"field": "upper"}},
        },
        {
            "data": {"values": [{"one": 1.0}]},
            "mark": mark("rule", color="var(--ink)", strokeDash=[4, 4], strokeWidth=1.2),
            "encoding": {"y": {"field": "one", **ratio}},
        },
        {
            "data": {"values": rows},
            "mark": mark("line", color=_ink(record), strokeWidth=2, strokeCap="round"),
            "encoding": {"x": day, "y": {"field": "ratio", **ratio}},
        },
        {
            "data": {"values": settled},
            "mark": mark(
                "rule",
                labelled=True,
                stroke="var(--ink)",
                strokeOpacity=0,
                strokeWidth=max(3.0, width / max(len(settled), 1)),
            ),
            "encoding": {
                "x": day,
                "description": {"field": "label"},
            },
        },
    ]
    return draw(
        {"width": width, "height": 240 if width <= NARROW else 0.24 * width, "layer": layers}, f"skill{width}"
    )


def _with_gaps(rows: list[Spec]) -> list[Spec]:
    """The rows, with one that has no value after each that is not followed by the next day's."""
    gaps = [
        {"day": row["day"] + _A_DAY, "ratio": None, "lower": None, "upper": None}
        for row, following in pairwise(rows)
        if following["day"] > row["day"] + _A_DAY
    ]
    return sorted([*rows, *gaps], key=lambda row: int(row["day"]))


def _ink(record: Record) -> str:
    """Forecasts made afterwards are drawn in grey."""
    return "var(--band-deep)" if record.mode == LIVE else "var(--muted)"


def _fill(record: Record) -> str:
    return "var(--band)" if record.mode == LIVE else "var(--late)"


def _around_one(rows: list[Spec]) -> list[float]:
    """Bounds that hold 1 and the later intervals; the rough beginning may leave them."""
    settled = rows[len(rows) // 5 :] or [{"lower": 0.9, "upper": 1.1}]
    low = min(1.0, *(row["lower"] for row in settled))
    high = max(1.0, *(row["upper"] for row in settled))
    margin = 0.1 * (high - low) + 0.005
    return [low - margin, high + margin]
