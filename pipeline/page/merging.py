"""How a publication joins the one before it, so that series may be published one after another."""

from collections.abc import Collection, Mapping

from pipeline.hub.files import FOLDERS, merge_hub_file
from pipeline.page.formats import written
from pipeline.page.latest import LATEST, Entry, Latest, page_name, read_latest


def merge_publication(files: Mapping[str, bytes], published: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files to publish: this run's, with what the same files said of other series and other days.

    `latest.json` keeps the other series and, of each series, what is of the newer day; the pages of an older day
    than the published one are left out. A short page of the same or a newer day takes a whole one's place, and
    the other way round. The week that was reported last stays so. The files of every
    format are made anew of all of them.

    Args:
        files: Of this run, by path; `latest.json` among them.
        published: Those of the same paths that are published now.
    """
    new, before = read_latest(files[LATEST]), read_latest(published.get(LATEST, b""))
    known = before.entries
    older = {
        slug for slug, entry in new.entries.items() if slug in known and entry["as_of"] < known[slug]["as_of"]
    }
    outdated = {name for slug in older for name in (page_name(slug), slug)}
    latest = _joined(before, new, older=older)
    kept = {path: content for path, content in files.items() if path.partition("/")[0] not in outdated}
    return {path: _merged(path, content, published) for path, content in kept.items()} | written(latest)


def merge_hub(files: Mapping[str, bytes], published: Mapping[str, bytes]) -> dict[str, bytes]:
    """Hub files of this run, with what the same files said of other series and other days."""
    return {path: _merged(path, content, published) for path, content in files.items()}


def _joined(before: Latest, new: Latest, *, older: Collection[str]) -> Latest:
    """Both, where the new one counts but for the slugs in `older`."""
    replaced = new.entries.keys() - older
    return Latest(
        series=_without(before.series, replaced) | _without(new.series, older),
        undrawn=_without(before.undrawn, replaced) | _without(new.undrawn, older),
        week=new.week or before.week,
        weeks=tuple(sorted({*before.weeks, *new.weeks})),
    )


def _without(entries: Mapping[str, Entry], slugs: Collection[str]) -> dict[str, Entry]:
    return {slug: entry for slug, entry in entries.items() if slug not in slugs}


def _merged(path: str, content: bytes, published: Mapping[str, bytes]) -> bytes:
    if path.partition("/")[0] in FOLDERS.values() and path in published:
        return merge_hub_file(path, published[path], content)
    return content
