"""Vega-Lite specifications become static SVG that takes its colours and its type from the page around it."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any, Final

from markupsafe import Markup

Spec = dict[str, Any]

WIDE: Final = 1000
HALF: Final = 490
NARROW: Final = 350

# Only widths of letters are measured with these; the page's own type is shown.
_FONT: Final = "Helvetica Neue, Arial, sans-serif"
_CONFIG: Final[Spec] = {
    "background": "transparent",
    "font": _FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "labelFontSize": 12,
        "labelPadding": 6,
        "titleColor": "var(--muted)",
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "var(--grid)",
        "gridWidth": 1,
        "domain": False,
        "tickColor": "var(--grid)",
        "ticks": False,
    },
    "text": {"fontSize": 12, "color": "var(--muted)"},
}


def draw(spec: Spec, name: str) -> Markup:
    """The chart as an SVG element that fills the width it is given.

    Args:
        spec: A Vega-Lite specification; colours are CSS, as `var(--band)`. What a mark's `description` says
            comes up beside the pointer.
        name: Unique among the drawings of a page.
    """
    # Starts a JavaScript engine (0.5 s, once a process): only those who draw pay for it.
    import vl_convert

    document = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "config": _CONFIG,
        "autosize": {"type": "fit", "contains": "padding"},
        **spec,
    }
    svg: str = vl_convert.vegalite_to_svg(json.dumps(document))
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
    svg = _own_ids(svg, name)
    svg = re.sub(r'<(\w+)([^<>]*?) aria-label="([^"]*)"([^<>]*?)/>', r"<\1\2\4><title>\3</title></\1>", svg)
    # Vega escapes every text that it is given; templates may take the drawing as it is.
    return Markup(re.sub(r' (?:role|aria-\w+)="[^"]*"', "", svg))  # noqa: S704


def _own_ids(svg: str, name: str) -> str:
    """Ids that are the drawing's own: Vega counts on from one drawing of a process to the next."""
    numbers: dict[str, int] = {}

    def renamed(match: re.Match[str]) -> str:
        return f"{match[1]}{name}-{numbers.setdefault(match[2], len(numbers))}{match[3]}"

    return re.sub(r'(id="|url\(#)([^")]+)("|\))', renamed, svg)


def instant(day: date) -> int:
    """A day's midnight in UTC as Vega-Lite reads it without parsing: milliseconds since 1970."""
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def mark(kind: str, *, labelled: bool = False, **style: Any) -> Spec:
    """A mark; it says nothing unless it is labelled, by an encoding of `description`."""
    return {"type": kind, "aria": labelled, **style}


def day_axis(width: int) -> Spec:
    """Time from left to right, in UTC, with as many dates as the width has room for."""
    return {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {
            "title": None,
            "grid": False,
            "format": "%-d %b",
            "tickCount": max(3, width // 130),
            "labelFlush": True,
        },
    }
