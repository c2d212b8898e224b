"""Ninety days of closes over the ranges that were forecast for them, and the week ahead as a fan."""

from datetime import date, timedelta
from typing import Any, Final

from markupsafe import Markup

from pipeline.forecasts.quantiles import HORIZONS, MEDIAN, interval
from pipeline.page.charts.drawing import NARROW, Spec, day_axis, draw, instant, mark
from pipeline.page.content import PastForecast, SeriesContent
from pipeline.page.prices import decimals, format_price
from pipeline.page.sentences import short_date

DAYS_SHOWN: Final = 90
_FAN: Final = ((95, 0.3), (80, 0.55), (50, 0.9))


def fan_chart(content: SeriesContent, *, width: int, step: float) -> Markup:
    """The chart as SVG.

    Args:
        content: The series.
        width: Of the drawing, in pixels.
        step: Rounding of prices in the axis and in the labels beside the pointer.
    """
    bar = max(1.6, 0.6 * width / (DAYS_SHOWN + len(HORIZONS)))
    chart = _Fan(content, width, step)
    layers = [
        *chart.past_ranges(bar),
        *chart.week_ahead(),
        chart.today(),
        chart.closes(),
        chart.misses(size=bar * bar * 0.9),
        chart.labels(width),
    ]
    return draw(
        {"width": width, "height": 300 if width <= NARROW else 0.36 * width, "layer": layers}, f"fan{width}"
    )


class _Fan:
    """Layers of the chart, which share their axes."""

    def __init__(self, content: SeriesContent, width: int, step: float) -> None:
        self._content = content
        self._step = step
        self._first = content.forecast.as_of - timedelta(days=DAYS_SHOWN - 1)
        self._day = day_axis(width)
        self._price: Spec = {
            "type": "quantitative",
            "scale": {"zero": False, "nice": False, "padding": 10},
            "axis": {
                "title": None,
                "orient": "right",
                "tickCount": 5 if width <= NARROW else 7,
                "format": f",.{decimals(step)}f",
            },
        }

    def past_ranges(self, bar: float) -> list[Spec]:
        """A bar a day: the 80 percent range and, darker, the 50 percent range."""
        return [
            {
                "data": {"values": self._past()},
                "mark": mark("rule", strokeWidth=bar),
                "encoding": {
                    "x": self._day,
                    "y": {"field": f"lower_{coverage}", **self._price},
                    "y2": {"field": f"upper_{coverage}"},
                    "stroke": _by_mode("var(--band)", "var(--late)"),
                    "strokeOpacity": {"value": opacity},
                },
            }
            for coverage, opacity in ((80, 0.42), (50, 0.8))
        ]

    def week_ahead(self) -> list[Spec]:
        """The fan of 95, 80 and 50 percent, from the last close on, and its median."""
        rows = self._ahead()
        bands = [
            self._layer(rows, mark("area", color="var(--band)", opacity=opacity), f"lower_{coverage}")
            | {
                "encoding": {
                    "x": self._day,
                    "y": {"field": f"lower_{coverage}", **self._price},
                    "y2": {"field": f"upper_{coverage}"},
                }
            }
            for coverage, opacity in _FAN
        ]
        median = self._layer(
            rows, mark("line", color="var(--median)", strokeWidth=1.5, strokeDash=[4, 3]), "median"
        )
        return [*bands, median]

    def labels(self, width: int) -> Spec:
        """What comes up beside the pointer: an invisible strip a day, over the whole height."""
        strip = width / (DAYS_SHOWN + len(HORIZONS))
        return {
            "data": {"values": [*self._past(), *self._ahead()[1:]]},
            "mark": mark("rule", labelled=True, stroke="var(--ink)", strokeOpacity=0, strokeWidth=strip),
            "encoding": {"x": self._day, "description": {"field": "label"}},
        }

    def closes(self) -> Spec:
        """What happened, as a line that has a gap where a day has no candle."""
        prices = {close.day: close.price for close in self._content.closes if not close.filled}
        days = (self._first + timedelta(days=number) for number in range(DAYS_SHOWN))
        rows = [{"day": instant(day), "price": prices.get(day)} for day in days]
        # A day alone between two gaps is a line without length, which only a round cap shows.
        style = mark("line", color="var(--ink)", strokeWidth=1.6, strokeCap="round", interpolate="linear")
        return self._layer(rows, style, "price")

    def misses(self, *, size: float) -> Spec:
        """Where the close left its range: a cross, told apart by its shape as by its colour."""
        missed = [row for row in self._past() if not row["held"]]
        style = mark(
            "point",
            shape="cross",
            angle=45,
            size=max(60.0, size),
            filled=True,
            color="var(--miss)",
            opacity=1,
        )
        return self._layer(missed, style, "actual")

    def today(self) -> Spec:
        """The line between what happened and what is expected."""
        row = {"day": instant(self._content.forecast.as_of)}
        return {
            "data": {"values": [row]},
            "mark": mark("rule", color="var(--muted)", strokeDash=[2, 3]),
            "encoding": {"x": self._day},
        }

    def _layer(self, rows: list[Spec], style: Spec, field: str) -> Spec:
        encoding = {"x": self._day, "y": {"field": field, **self._price}}
        return {"data": {"values": rows}, "mark": style, "encoding": encoding}

    def _past(self) -> list[Spec]:
        rows: dict[date, Spec] = {}
        # Where both exist, the forecast that was issued in time is the one shown.
        for record in (self._content.backfill, self._content.live):
            for past in record.past if record else ():
                if past.target_date >= self._first:
                    rows[past.target_date] = self._past_row(past, live=record is self._content.live)
        return [rows[day] for day in sorted(rows)]

    def _past_row(self, past: PastForecast, *, live: bool) -> Spec:
        held = past.hits[80]
        outcome = f"closed at {self._text(past.actual)}, " if self._content.publish_truth else ""
        label = f"{short_date(past.target_date)}: 80 % range {self._range(past.ranges[80])}; {outcome}"
        return {
            "day": instant(past.target_date),
            "live": live,
            "held": held,
            "actual": past.actual,
            "label": label + ("held" if held else "missed") + ("" if live else " (made afterwards)"),
            **_ends({coverage: past.ranges[coverage] for coverage, _ in _FAN}),
        }

    def _ahead(self) -> list[Spec]:
        forecast = self._content.forecast
        start = {coverage: (forecast.last_close, forecast.last_close) for coverage, _ in _FAN}
        rows: list[Spec] = [{"day": instant(forecast.as_of), "median": forecast.last_close, **_ends(start)}]
        for horizon in HORIZONS:
            quantiles = forecast.quantiles[horizon - 1]
            ranges = {coverage: _pair(interval(quantiles, coverage)) for coverage, _ in _FAN}
            target = forecast.target_date(horizon)
            rows.append(
                {
                    "day": instant(target),
                    "median": float(quantiles[MEDIAN]),
                    "label": f"{short_date(target)}: 80 % range {self._range(ranges[80])}",
                    **_ends(ranges),
                }
            )
        return rows

    def _range(self, ends: tuple[float, float]) -> str:
        return f"{self._text(ends[0])} to {self._text(ends[1])}"

    def _text(self, price: float) -> str:
        return format_price(price, self._step)


def _ends(ranges: dict[int, tuple[float, float]]) -> dict[str, float]:
    return {
        f"{name}_{coverage}": end
        for coverage, ends in ranges.items()
        for name, end in zip(("lower", "upper"), ends, strict=True)
    }


def _pair(ends: tuple[Any, Any]) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])


def _by_mode(live: str, late: str) -> Spec:
    return {"condition": {"test": "datum.live", "value": live}, "value": late}
