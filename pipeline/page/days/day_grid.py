"""`days.html`: a row a series, a column a day, and whether the close lay within its 80 percent range."""

from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final

from pipeline.page.days.former import permalink
from pipeline.page.latest import OUTCOME_DAYS, Entry, Latest
from pipeline.page.rendering import render
from pipeline.page.sentences import long_date

DAYS: Final = "days.html"
_ONE_DAY: Final = timedelta(days=1)
_WORDS: Final = {
    "held": "within 80 %",
    "missed": "outside 80 %",
    "pending": "not known yet",
    "none": "no forecast",
}


def render_days(latest: Latest) -> bytes:
    """The page, the newest day first; series whose entry tells no outcomes are left out.

    Args:
        latest: What latest.json says, of this run and of the runs before it.
    """
    entries = {slug: entry for slug, entry in latest.series.items() if "outcomes" in entry}
    days = _days(entries.values())
    simulated = [entry["simulated"] for entry in latest.entries.values()]
    return render(
        "days.html.j2",
        {
            "months": [
                {"name": name, "days": len(list(group))}
                for name, group in groupby(f"{day:%b %Y}" for day in days)
            ],
            "days": [f"{day:%-d}" for day in days],
            "rows": [
                {**entry, "cells": [_cell(slug, entry, day) for day in days]}
                for slug, entry in sorted(entries.items())
            ],
            "simulated": bool(simulated) and all(simulated),
        },
    )


def _days(entries: Any) -> list[date]:
    """Every day from the newest that any of them is about, as many as are told of."""
    known = [
        date.fromisoformat(day) for entry in entries for mode in entry["outcomes"].values() for day in mode
    ]
    span = min((max(known) - min(known)).days + 1, OUTCOME_DAYS) if known else 0
    return [max(known) - number * _ONE_DAY for number in range(span)]


def _cell(slug: str, entry: Entry, day: date) -> dict[str, Any]:
    """Of a day that has both, the forecast that was issued in time."""
    live, late = (entry["outcomes"][mode].get(day.isoformat()) for mode in ("live", "backfill"))
    outcome = live or late or "none"
    return {
        "outcome": outcome,
        "late": not live and bool(late),
        "link": permalink(slug, day - _ONE_DAY) if outcome != "none" else "",
        "label": f"{long_date(day)}: {_WORDS[outcome]}{', made afterwards' if late and not live else ''}",
    }
