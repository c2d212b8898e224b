"""Tomorrow's range as a change from the last close, in percent."""

from math import floor, log10

from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import interval
from pipeline.page.content import SeriesContent
from pipeline.page.prices import format_price, rounding_step
from pipeline.page.sentences import short_date

Change = tuple[float, float]


def range_change(forecast: Forecast) -> Change:
    """Both ends of tomorrow's 80 percent range over the last close, minus 1, to two digits of the greater one.

    No finer: with the range itself, more digits would give the close away exactly.
    """
    lower, upper = (float(end) / forecast.last_close - 1 for end in interval(forecast.quantiles[0], 80))
    digits = _digits((lower, upper))
    return round(lower, digits), round(upper, digits)


def change_words(change: Change) -> str:
    """Both ends with their signs.

    Example:
        >>> change_words((-0.036, 0.04)), change_words((-0.00012, -0.0))
        ('−3.6 % to +4.0 %', '−0.012 % to +0.000 %')
    """
    return " to ".join(f"{100 * end + 0.0:+.{_digits(change) - 2}f} %".replace("-", "−") for end in change)


def change_line(content: SeriesContent) -> str:
    """The range in percent, of which close, and when its own day closes; the close as a number where it may be."""
    forecast = content.forecast
    ends = (float(end) for end in interval(forecast.quantiles[0], 80))
    close = format_price(forecast.last_close, rounding_step(*ends) / 100)
    number = f" ({close}{f' {content.series.quote}' if content.series.quote else ''})"
    return (
        f"80 %: {change_words(range_change(forecast))} of the close of {short_date(forecast.as_of)}"
        f"{number if content.publish_truth else ''}; the day closes at 24:00 UTC."
    )


def _digits(change: Change) -> int:
    greater = max(map(abs, change))
    return max(3, 1 - floor(log10(greater))) if greater > 0 else 3
