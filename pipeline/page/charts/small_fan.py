"""The week ahead of one series as a picture a few lines high, from what `latest.json` says of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from pipeline.forecasts.quantiles import LEVELS, MEDIAN, interval_levels

WIDTH: Final = 280
HEIGHT: Final = 90
_MARGIN: Final = 3
_OPACITY: Final = {95: 0.3, 80: 0.55, 50: 0.9}
# Where in LEVELS each coverage's ends are.
_ENDS: Final = {
    coverage: tuple(LEVELS.index(level) for level in interval_levels(coverage)) for coverage in (95, 80, 50)
}


def small_fan(entry: Mapping[str, Any]) -> Markup:
    """Ranges of 95, 80 and 50 percent over the seven days, and the median; nothing where the entry lacks them.

    Args:
        entry: Of a series; with `change_80` the fan begins at the last close that it implies.
    """
    rows = [row["quantiles"] for row in entry["forecasts"]]
    if any(len(row) != len(LEVELS) for row in rows) or len(rows) < 2:
        return Markup("")
    if "change_80" in entry and entry["change_80"][1] > -1:
        close = rows[0][_ENDS[80][1]] / (1 + entry["change_80"][1])
        rows = [[close] * len(LEVELS), *rows]
    widest = [row[index] for row in rows for index in _ENDS[95]]
    low, high = min(widest), max(widest)

    def points(index: int) -> list[str]:
        return _points([(row[index] - low) / ((high - low) or 1.0) for row in rows])

    bands = "".join(
        f'<polygon class="f{coverage}" points="{" ".join([*points(lower), *reversed(points(upper))])}"'
        f' fill="var(--band)" opacity="{_OPACITY[coverage]}"/>'
        for coverage, (lower, upper) in _ENDS.items()
    )
    line = 'fill="none" stroke="var(--median)" stroke-width="1.5" stroke-dasharray="4 3"'
    median = f'<polyline points="{" ".join(points(MEDIAN))}" {line}/>'
    # Numbers alone, and our own words.
    return Markup(f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{bands}{median}</svg>')  # noqa: S704


def _points(heights: Sequence[float]) -> list[str]:
    """Evenly from left to right, heights between 0 at the foot and 1 at the top."""
    step = (WIDTH - 2 * _MARGIN) / (len(heights) - 1)
    room = HEIGHT - 2 * _MARGIN
    return [
        f"{_MARGIN + step * number:.1f},{_MARGIN + room * (1 - height):.1f}"
        for number, height in enumerate(heights)
    ]
