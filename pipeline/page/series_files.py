"""Everything that is published of one series whose page is whole."""

from pipeline.page.charts.chart_files import chart_files
from pipeline.page.charts.picture import picture
from pipeline.page.charts.small_fan import small_fan
from pipeline.page.charts.standalone import svg_file
from pipeline.page.content import SeriesContent
from pipeline.page.days.months import month_pages
from pipeline.page.latest import CARD, page_name, series_entry, series_folder
from pipeline.page.prices import coin_name
from pipeline.page.rendering import render
from pipeline.page.views import series_view


def series_files(content: SeriesContent) -> dict[str, bytes]:
    """Its page, former forecasts and charts, by path from the site's root; the same bytes for the same content."""
    view = series_view(content)
    folder = series_folder(content.series.slug)
    week = svg_file(
        small_fan(series_entry(content)),
        title=f"{coin_name(content.series)}: the week ahead",
        simulated=content.simulated,
    )
    # Whoever shows a link's picture asks for an absolute address: without one nobody would ever see it.
    cards = {f"{folder}{CARD}": picture(content, view["fan"]["wide"])} if content.site_url else {}
    return {
        page_name(content.series.slug): render("series.html.j2", view),
        f"{folder}week.svg": week,
        **cards,
        **chart_files(content, view),
        **month_pages(content),
    }
