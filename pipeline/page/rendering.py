"""Pages as files: one of a series, and the index that lists them all."""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.page.changes import change_words
from pipeline.page.charts.small_fan import small_fan
from pipeline.page.content import SeriesContent
from pipeline.page.latest import Entry, Latest
from pipeline.page.sentences import long_date, short_date
from pipeline.page.views import series_view, stale_after

INDEX: Final = "index.html"
_TEMPLATES: Final = Path(__file__).parent / "templates"


def render_series(content: SeriesContent) -> bytes:
    """One series' page: self-contained, the same bytes for the same content."""
    return render("series.html.j2", series_view(content))


def render_index(latest: Latest) -> bytes:
    """The page that lists every series.

    Args:
        latest: What latest.json says, of this run and of the runs before it.
    """
    cards = [
        _short_card(entry) if slug in latest.undrawn else _card(entry)
        for slug, entry in latest.entries.items()
    ]
    simulated = [card["simulated"] for card in cards]
    return render(
        "index.html.j2",
        {
            "cards": cards,
            "week": latest.week,
            "simulated": bool(cards) and all(simulated),
            # The index stands for all of them; one picture is enough.
            "picture": next((card["picture"] for card in cards if card.get("picture")), ""),
            "attributions": list(dict.fromkeys(card["attribution"] for card in cards if card["attribution"])),
        },
    )


def _card(entry: Entry) -> dict[str, Any]:
    told = entry["simulated"] or entry["issue"]["simulated_time"]
    return {
        **_heading(entry, ageing=not told),
        "drawn": True,
        # One that was published before there were such sentences has the operator's.
        "alarms": entry.get("alarm_sentences", entry["alarms"]),
        "simulated_time": entry["issue"]["simulated_time"],
        # Published before there was such a thing: without.
        "change": change_words(entry["change_80"]) if "change_80" in entry else "",
        "fan": small_fan(entry),
        "calibration": entry["verdicts"]["calibration"],
        "skill": entry["verdicts"]["skill"],
    }


def _short_card(entry: Entry) -> dict[str, Any]:
    told = entry["simulated"] or entry["simulated_time"]
    ageing = entry["forecasts"] is not None and not told
    return {**_heading(entry, ageing=ageing), "drawn": False, "alarms": ()}


def _heading(entry: Entry, *, ageing: bool) -> dict[str, Any]:
    head, _, tail = str(entry["sentence"]).partition("; ")
    as_of = date.fromisoformat(entry["as_of"])
    return {
        **entry,
        "as_of_long": long_date(as_of),
        "as_of_short": short_date(as_of),
        "head": f"{head};",
        "tail": tail,
        "until": stale_after(as_of) if ageing else "",
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
    script = f"\n{(_TEMPLATES / 'page.js').read_text(encoding='utf-8')}"
    # What a page leaves out; `root` leads from it to the site's root.
    environment.globals |= {"root": "", "url": "", "picture": ""}
    environment.globals |= {"script": Markup(script), "policy": _policy(script)}  # noqa: S704 - it is our own
    return environment


def _policy(script: str) -> str:
    """Content-Security-Policy: nothing is loaded, nothing is sent, and no script runs but the page's own."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _unbroken(text: str) -> Markup:
    """Text in which no line ends between a number and its percent sign."""
    return Markup(re.sub(r"\(?\d[\d.,]* %\)?;?", r'<span class="nw">\g<0></span>', str(escape(text))))  # noqa: S704


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """A template of `templates/` with these values."""
    return _environment().get_template(template).render(values).encode()
