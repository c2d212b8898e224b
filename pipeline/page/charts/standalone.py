"""Drawings of a page as files of their own: SVG that needs no page around it, and PNG."""

import re
from functools import cache
from pathlib import Path
from typing import Final

from markupsafe import Markup, escape

_STYLE: Final = Path(__file__).parents[1] / "templates" / "style.css"
_COLOUR: Final = re.compile(r"var\((--[\w-]+)\)")

_MADE_UP: Final = (
    '<text x="4" y="13" font-family="sans-serif" font-size="11" fill="var(--muted)">Simulated data</text>'
)


def svg_file(drawing: str, *, title: str, simulated: bool = False) -> bytes:
    """A drawing in the page's light colours, on its paper, with a size and a title.

    Args:
        drawing: SVG with a `viewBox`, whose colours are those of the page, as `var(--band)`.
        title: What it shows.
        simulated: Whether its market is made up; then the title and the picture say so.
    """
    title = f"{title} (simulated data)" if simulated else title
    head, _, rest = drawing.partition(">")
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)
    width, height = found.groups() if found else ("100%", "100%")
    namespace = "" if "xmlns=" in head else ' xmlns="http://www.w3.org/2000/svg"'
    paper = f'<rect width="{width}" height="{height}" fill="var(--card)"/>{_MADE_UP if simulated else ""}'
    svg = f'{head}{namespace} width="{width}" height="{height}"><title>{escape(title)}</title>{paper}{rest}'
    return f"{coloured(svg)}\n".encode()


def coloured(svg: str) -> str:
    """The drawing with its colours written out: few programs but browsers know CSS variables."""
    return _COLOUR.sub(lambda name: palette()[name[1]], svg)


def png_file(svg: str, *, width: int) -> bytes:
    """A drawing as PNG, that many pixels wide."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(coloured(svg), scale=width / float(_width(svg))))


def _width(svg: str) -> str:
    found = re.search(r'viewBox="0 0 ([\d.]+) ', svg)
    return found[1] if found else "1"


@cache
def palette() -> dict[str, str]:
    """The light colours of the page's style, by name."""
    light = _STYLE.read_text(encoding="utf-8").partition("@media")[0]
    return dict(re.findall(r"(--[\w-]+): ([^;]+);", light))


def nested(drawing: str, *, x: float, y: float, width: float, height: float) -> Markup:
    """The drawing placed inside another one."""
    place = f'<svg x="{x}" y="{y}" width="{width}" height="{height}"'
    return Markup(re.sub(r"^<svg", place, drawing, count=1))  # noqa: S704 - a drawing of our own
