"""Prices of one series as the cells of a page's tables, and its ranges as bars."""

from typing import Any, Final

from pipeline.forecasts.columns import LIVE
from pipeline.forecasts.quantiles import HORIZONS, MEDIAN, interval
from pipeline.page.content import HasForecast, PastForecast
from pipeline.page.prices import format_price
from pipeline.page.sentences import long_date, short_date

_BARS: Final = (95, 80, 50)
_Cell = dict[str, Any]


class PriceCells:
    """Prices of one series as table cells: rounded to a hundredth of the sentence's step, exact beside it."""

    def __init__(self, content: HasForecast, step: float, *, horizons: int = len(HORIZONS)) -> None:
        self._content = content
        self._step = step / 100
        ends = interval(content.forecast.quantiles[:horizons], max(_BARS))
        self._low = min(float(ends[0].min()), content.forecast.last_close)
        self._width = max(float(ends[1].max()), content.forecast.last_close) - self._low or 1.0

    def cell(self, price: float) -> _Cell:
        """A price as its text, and its exact value."""
        return {"text": format_price(price, self._step), "value": repr(float(price))}

    def pair(self, ends: tuple[Any, Any]) -> tuple[_Cell, _Cell]:
        """Both ends of a range."""
        return self.cell(ends[0]), self.cell(ends[1])

    def bars(self, horizon: int) -> dict[str, Any]:
        """Ranges of one horizon as percent of the width that the horizons shown need."""
        forecast = self._content.forecast
        quantiles = forecast.quantiles[horizon - 1]
        ranges = []
        for coverage in _BARS:
            lower, upper = (self._place(float(end)) for end in interval(quantiles, coverage))
            ranges.append({"coverage": coverage, "left": lower, "width": round(upper - lower, 2)})
        return {
            "ranges": ranges,
            "median": self._place(float(quantiles[MEDIAN])),
            "last": self._place(forecast.last_close),
        }

    def horizon(self, horizon: int) -> dict[str, Any]:
        """A row of the week ahead, `horizon` days after the last candle: its day, median, ranges and bars."""
        forecast = self._content.forecast
        quantiles = forecast.quantiles[horizon - 1]
        first_walk = forecast.random_walk_from
        return {
            "day": f"{forecast.target_date(horizon):%a} {short_date(forecast.target_date(horizon))}",
            "random_walk": first_walk is not None and horizon >= first_walk,
            "late": self._content.mode(horizon) != LIVE,
            "median": self.cell(quantiles[MEDIAN]),
            "bars": self.bars(horizon),
            **{f"range_{coverage}": self.pair(interval(quantiles, coverage)) for coverage in _BARS},
        }

    def past(self, past: PastForecast, *, late: bool, link: str = "") -> dict[str, Any]:
        """A row of the past: what was forecast, what came, and whether the 80 % range held it; `link` leads there."""
        return {
            "link": link,
            "day": long_date(past.target_date),
            "date": past.target_date,
            "late": late,
            "held": past.hits[80],
            "outcome": "held" if past.hits[80] else "missed",
            "actual": self.cell(past.actual),
            "range_80": self.pair(past.ranges[80]),
            "range_50": self.pair(past.ranges[50]),
        }

    def _place(self, price: float) -> float:
        return round(100 * (price - self._low) / self._width, 2)
