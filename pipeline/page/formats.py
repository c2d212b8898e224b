"""Formats: the files that a publication makes of all its series together, each from what `latest.json` says."""

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.page.days.day_grid import DAYS, render_days
from pipeline.page.latest import LATEST, Latest, write_latest
from pipeline.page.rendering import INDEX, render_index

# A series that one run does not publish is in them as the publication before it had it.
FORMATS: Final[Mapping[str, Callable[[Latest], bytes]]] = {
    INDEX: render_index,
    DAYS: render_days,
    LATEST: write_latest,
}


def written(latest: Latest) -> dict[str, bytes]:
    """The file of every format, by its name."""
    return {name: write(latest) for name, write in FORMATS.items()}
