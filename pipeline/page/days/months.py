"""Permalinks: a page a month of a series, with every forecast that was published in it."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import isfinite
from typing import Any

from pipeline.forecasts.columns import LIVE
from pipeline.page.content import SeriesContent
from pipeline.page.days.former import Former, FormerHorizon, anchor, month_page
from pipeline.page.prices import coin_name, format_price, market_name, rounding_step
from pipeline.page.rendering import render
from pipeline.page.sentences import instant_words, long_date, short_date, times_words

_WORDS = {"held": "within 80 %", "missed": "outside 80 %", "pending": "not known yet"}


def month_pages(content: SeriesContent) -> dict[str, bytes]:
    """The pages of all months that the content has forecasts of, by path from the site's root."""
    slug = content.series.slug
    grouped = groupby(content.former, key=lambda one: month_page(slug, one.as_of))
    months = {path: list(days) for path, days in grouped}
    return {path: _page(content, months, path) for path in months}


def _page(content: SeriesContent, months: Mapping[str, Sequence[Former]], path: str) -> bytes:
    paths, days = list(months), months[path]
    place = paths.index(path)
    beside = {
        "earlier": paths[place - 1] if place else "",
        "later": paths[place + 1] if paths[-1] != path else "",
    }
    return render(
        "month.html.j2",
        {
            "root": "../",
            "name": coin_name(content.series),
            "market": market_name(content.series),
            "quote": content.series.quote,
            "page": f"{content.series.slug}.html",
            "month": f"{days[0].as_of:%B %Y}",
            "days": [_day(one, content) for one in reversed(days)],
            "publish_truth": content.publish_truth,
            "simulated": content.simulated,
            "simulated_time": all(one.simulated_time for one in days),
            "attribution": content.attribution,
            **{
                side: {"path": other, "name": f"{months[other][0].as_of:%B %Y}"} if other else None
                for side, other in beside.items()
            },
        },
    )


def _day(one: Former, content: SeriesContent) -> dict[str, Any]:
    step = _step(one)
    modes = {row.mode for row in one.horizons}
    return {
        "id": anchor(one.as_of),
        "title": long_date(one.as_of),
        "issued": instant_words(one.issued_at),
        "simulated_time": one.simulated_time,
        "outcome": one.horizons[0].outcome,
        # The mark stands beside the next day's outcome; where days differ, each late one says so.
        "late": one.horizons[0].mode != LIVE,
        "rows": [{**_row(row, step), "late": len(modes) > 1 and row.mode != LIVE} for row in one.horizons],
        "summary": _summary(one, step, quote=content.series.quote),
        "model_id": one.model_id,
        "model_version": one.model_version,
        "run_id": one.run_id,
        "snapshot": one.snapshot,
    }


def _row(row: FormerHorizon, step: float) -> dict[str, Any]:
    return {
        "day": f"{row.target_date:%a} {short_date(row.target_date)}",
        "outcome": row.outcome,
        "words": _WORDS[row.outcome],
        "median": _price(row.median, step),
        "actual": "–" if row.actual is None else _price(row.actual, step),
        "error": "–" if row.relative_wis is None else f"{times_words(row.relative_wis)} ×",
        **{f"range_{coverage}": _range(ends, step) for coverage, ends in row.ranges.items()},
    }


def _summary(one: Former, step: float, *, quote: str) -> str:
    """The next day's 80 percent range, and what came of it, in a sentence."""
    row = one.horizons[0]
    said = f"80 % range of {short_date(row.target_date)}: {_range(row.ranges[80], step)} {quote}".rstrip()
    if row.outcome == "pending":
        return f"{said}; what came is not known yet."
    place = "within" if row.outcome == "held" else "outside"
    error = (
        ""
        if row.relative_wis is None
        else f", the error {times_words(row.relative_wis)} times the random walk's"
    )
    return f"{said}; the close was {place} it{error}."


def _step(one: Former) -> float:
    """As on the page of that day; a row that cannot be read has no scale."""
    lower, upper = one.horizons[0].ranges[80]
    return rounding_step(lower, upper) / 100 if isfinite(lower) and isfinite(upper) else 1.0


def _range(ends: tuple[float, float], step: float) -> str:
    return " – ".join(_price(end, step) for end in ends)


def _price(value: float, step: float) -> str:
    return format_price(value, step) if isfinite(value) else "unreadable"
