"""The files of a publication: a page for each series, whole or short, and those of all (`formats.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.page.content import SeriesContent
from pipeline.page.formats import written
from pipeline.page.latest import Entry, Latest, page_name, series_entry, write_latest
from pipeline.page.series_files import series_files
from pipeline.page.short import ShortContent, render_short, short_entry


@dataclass(frozen=True, eq=False)
class SeriesPage:
    """One series' part of a publication: whatever could go wrong with it has been tried.

    Attributes:
        slug: Whose.
        page: The bytes of its page.
        entry: What latest.json says of it.
        drawn: Whether the page is whole; else it is a short one.
        more: Its other files, in the folder `slug`: former forecasts, charts.
    """

    slug: str
    page: bytes
    entry: Entry
    drawn: bool
    more: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, str]:
        """What it takes of the site's folder."""
        return page_name(self.slug), self.slug

    @property
    def latest(self) -> Latest:
        """The series alone."""
        own = {self.slug: self.entry}
        return Latest(series=own) if self.drawn else Latest(undrawn=own)


def full_page(content: SeriesContent) -> SeriesPage:
    """The whole page of a series; what cannot be drawn or written raises here, where it stops no other series."""
    more, slug = series_files(content), content.series.slug
    page = SeriesPage(slug, more.pop(page_name(slug)), series_entry(content), drawn=True, more=more)
    write_latest(page.latest)
    return page


def short_page(content: ShortContent) -> SeriesPage:
    """The page that says of a series that its own could not be drawn."""
    return SeriesPage(content.series.slug, render_short(content), short_entry(content), drawn=False)


def site_files(pages: Sequence[SeriesPage]) -> dict[str, bytes]:
    """The pages and the files of every format, by file name.

    Args:
        pages: One for each series.
    """
    latest = Latest(
        series={one.slug: one.entry for one in pages if one.drawn},
        undrawn={one.slug: one.entry for one in pages if not one.drawn},
    )
    own = {page_name(one.slug): one.page for one in pages}
    more = {path: content for one in pages for path, content in one.more.items()}
    return own | more | written(latest)
