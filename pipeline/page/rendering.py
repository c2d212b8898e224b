"""Pages as files: one for each series, and the index that lists them."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.page.content import SeriesContent
from pipeline.page.latest import latest_json, page_name, read_latest
from pipeline.page.sentences import long_date
from pipeline.page.views import series_view, stale_after

INDEX: Final = "index.html"
_TEMPLATES: Final = Path(__file__).parent / "templates"


def render_site(contents: Sequence[SeriesContent]) -> dict[str, bytes]:
    """The page of each series and the index that lists them, by file name."""
    pages = {page_name(content.series.slug): render_series(content) for content in contents}
    return {**pages, INDEX: render_index(read_latest(latest_json(contents)))}


def render_series(content: SeriesContent) -> bytes:
    """One series' page: self-contained, the same bytes for the same content."""
    return render("series.html.j2", series_view(content))


def render_index(entries: Mapping[str, Mapping[str, Any]], *, week: str = "") -> bytes:
    """The page that lists every series.

    Args:
        entries: The entries of latest.json by slug, of this run and of the runs before it.
        week: Which one `weekly.html` is about; empty where there is no such page.
    """
    cards = [_card(entry) for _, entry in sorted(entries.items())]
    simulated = [card["simulated"] for card in cards]
    return render(
        "index.html.j2",
        {
            "cards": cards,
            "week": week,
            "simulated": bool(cards) and all(simulated),
            "attributions": list(dict.fromkeys(card["attribution"] for card in cards if card["attribution"])),
        },
    )


def _card(entry: Mapping[str, Any]) -> dict[str, Any]:
    head, _, tail = str(entry["sentence"]).partition("; ")
    as_of = date.fromisoformat(entry["as_of"])
    told = entry["simulated"] or entry["issue"]["simulated_time"]
    return {
        **entry,
        "as_of_long": long_date(as_of),
        "head": f"{head};",
        "tail": tail,
        "calibration": entry["verdicts"]["calibration"],
        "skill": entry["verdicts"]["skill"],
        "until": "" if told else stale_after(as_of),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment


def _unbroken(text: str) -> Markup:
    """Text in which no line ends between a number and its percent sign."""
    return Markup(re.sub(r"\(?\d[\d.,]* %\)?;?", r'<span class="nw">\g<0></span>', str(escape(text))))  # noqa: S704


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """A template of `templates/` with these values."""
    return _environment().get_template(template).render(values).encode()
