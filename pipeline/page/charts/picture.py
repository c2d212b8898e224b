"""The picture that goes with a link to a series' page: tomorrow's range in words over its chart, 1200 × 630 pixels."""

from typing import Final

from markupsafe import Markup, escape

from pipeline.forecasts.quantiles import interval
from pipeline.page.changes import change_words, range_change
from pipeline.page.charts.standalone import nested, png_file
from pipeline.page.content import SeriesContent
from pipeline.page.prices import coin_name, format_price, market_name, rounding_step
from pipeline.page.sentences import long_date

WIDTH: Final = 1200
HEIGHT: Final = 630


def picture(content: SeriesContent, chart: Markup) -> bytes:
    """The picture as PNG.

    Args:
        content: The series.
        chart: Its chart of ranges, as SVG.
    """
    return png_file(_svg(content, chart), width=WIDTH)


def _svg(content: SeriesContent, chart: Markup) -> str:
    forecast = content.forecast
    ends = [float(end) for end in interval(forecast.quantiles[0], 80)]
    step = rounding_step(*ends)
    prices = " – ".join(format_price(end, step) for end in ends)
    made_up = "Simulated data. " if content.simulated else ""
    lines = (
        (34, 62, 400, "--muted", f"{coin_name(content.series)} · {market_name(content.series)}"),
        (66, 138, 700, "--ink", f"{prices} {content.series.quote}".rstrip()),
        (
            30,
            190,
            400,
            "--muted",
            f"{made_up}80 % range of the close of {long_date(forecast.target_date(1))}: "
            f"{change_words(range_change(forecast))}",
        ),
    )
    words = "".join(
        f'<text x="48" y="{y}" font-family="sans-serif" font-size="{size}" font-weight="{weight}" '
        f'fill="var({colour})">{escape(text)}</text>'
        for size, y, weight, colour, text in lines
    )
    drawing = nested(chart, x=40, y=214, width=WIDTH - 80, height=HEIGHT - 230)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--paper)"/>{words}{drawing}</svg>'
    )
