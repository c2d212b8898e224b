"""Scores as table rows: what held, how well, how sure."""

from collections.abc import Callable
from datetime import timedelta
from math import isfinite, isnan
from typing import Any, Final

from pipeline.page.content import Record
from pipeline.page.sentences import long_date, percent, times_words
from pipeline.scores.scorecard import ScoreLine

_A_WEEK: Final = 7
_Cell = dict[str, Any]


def record_view(record: Record, price: Callable[[float], _Cell]) -> dict[str, Any]:
    """A record's tables.

    Args:
        record: Of one mode.
        price: Makes a cell of a price.
    """
    line = record.next_day
    return {
        "window_days": record.window_days,
        "lines": [_line(line, price) for line in record.lines],
        "next_day": _coverages(line) if line else None,
        "pit_even": f"{line.n / len(line.pit):.1f}" if line else "",
        "pit": [
            {"label": f"{10 * index}–{10 * index + 10} %", "count": count}
            for index, count in enumerate(line.pit if line else ())
        ],
    }


def skill_path_view(record: Record) -> list[dict[str, Any]]:
    """Skill as it grew, a row a week, newest first."""
    return [
        {
            "day": long_date(point.day),
            "days": f"{point.days:,}",
            "ratio": _ratio(point.relative_wis),
            "interval": _interval(point.lower, point.upper),
        }
        for point in record.skill_path[::-_A_WEEK]
    ]


def day_strip(rows: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """Day by day, oldest first; None where nothing is known of a day."""
    by_day = {row["date"]: row for row in rows}
    span = (max(by_day) - min(by_day)).days + 1 if by_day else 0
    return [by_day.get(min(by_day) + timedelta(days=number)) for number in range(span)]


def _line(line: ScoreLine, price: Callable[[float], _Cell]) -> dict[str, Any]:
    share = next(figure.share for figure in line.coverage if figure.nominal == 80)
    skill = line.skill
    return {
        "horizon": line.horizon,
        "n": line.n,
        "share_80": {"text": percent(share), "value": repr(share)},
        "ratio": _ratio(skill.relative_wis) if skill else None,
        "compared": f"{skill.n:,}" if skill and skill.n != line.n else "",
        "interval": _interval(*skill.interval) if skill else "",
        "mae": price(line.mae),
    }


def _coverages(line: ScoreLine) -> dict[str, Any]:
    return {
        "n": line.n,
        "coverage": [
            {
                "nominal": figure.nominal,
                "hits": {"text": f"{figure.hits}", "value": figure.hits},
                "share": {"text": percent(figure.share), "value": repr(figure.share)},
                "interval": f"{percent(figure.interval.lower)} to {percent(figure.interval.upper)}",
            }
            for figure in line.coverage
        ],
    }


def _ratio(value: float) -> _Cell | None:
    """None where the random walk made no error to measure by."""
    return {"text": times_words(value), "value": repr(value)} if isfinite(value) else None


def _interval(lower: float, upper: float) -> str:
    return "" if isnan(lower) or isnan(upper) else f"{times_words(lower)} to {times_words(upper)}"
