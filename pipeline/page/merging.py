"""How a publication joins the one before it, so that series may be published one after another."""

from collections.abc import Mapping
from typing import Any

from pipeline.hub import FOLDERS, merge_hub_file
from pipeline.page.latest import LATEST, read_latest, read_week, write_latest
from pipeline.page.rendering import INDEX, render_index


def merge_publication(files: Mapping[str, bytes], published: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files to publish: this run's, with what the same files said of other series and other days.

    `latest.json` keeps the other series and, of each series, the newer forecast; a page of an older forecast
    than the published one is left out. The week that was reported last stays so. `index.html` is made anew
    of all of them.

    Args:
        files: Of this run, by path; `latest.json` among them.
        published: Those of the same paths that are published now.
    """
    entries = read_latest(files[LATEST])
    published_latest = published.get(LATEST, b"")
    before = read_latest(published_latest)
    week = read_week(files[LATEST]) or read_week(published_latest)
    older = {
        slug for slug, entry in entries.items() if slug in before and _as_of(entry) < _as_of(before[slug])
    }
    outdated = {str(entries[slug]["page"]) for slug in older}
    merged = {**before, **{slug: entry for slug, entry in entries.items() if slug not in older}}
    return {
        **{
            path: _merged(path, content, published) for path, content in files.items() if path not in outdated
        },
        LATEST: write_latest(merged, week=week),
        INDEX: render_index(merged, week=week),
    }


def merge_hub(files: Mapping[str, bytes], published: Mapping[str, bytes]) -> dict[str, bytes]:
    """Hub files of this run, with what the same files said of other series and other days."""
    return {path: _merged(path, content, published) for path, content in files.items()}


def _merged(path: str, content: bytes, published: Mapping[str, bytes]) -> bytes:
    if path.partition("/")[0] in FOLDERS.values() and path in published:
        return merge_hub_file(path, published[path], content)
    return content


def _as_of(entry: Mapping[str, Any]) -> str:
    return str(entry["as_of"])
