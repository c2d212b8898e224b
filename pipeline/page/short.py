"""The short page of a series whose page cannot be drawn: that this is so, and what is certain all the same."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pipeline.forecasts.columns import mode_of
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS, interval
from pipeline.page.latest import Entry, forecast_rows, page_name
from pipeline.page.price_cells import PriceCells
from pipeline.page.prices import coin_name, market_name, rounding_step
from pipeline.page.rendering import render
from pipeline.page.sentences import horizon_note, long_date, range_clause
from pipeline.page.views import stale_after
from pipeline.series import Series


@dataclass(frozen=True, eq=False)
class IssuedForecast:
    """A forecast as the ledger has it.

    Attributes:
        forecast: What was said.
        now: The instant that its run believed in.
        simulated_time: Whether that was another than the clock's.
    """

    forecast: Forecast
    now: datetime
    simulated_time: bool

    def mode(self, horizon: int) -> str:
        """`live` if that horizon was issued before its target's candle was complete, else `backfill`."""
        return mode_of(self.forecast.target_date(horizon), now=self.now)


@dataclass(frozen=True, eq=False)
class ShortContent:
    """What a short page shows.

    Attributes:
        series: What is forecast.
        as_of: Date of the last candle that the forecast saw.
        issued: The published forecast; None where it cannot be had.
        simulated: Whether the market is made up.
        attribution: Where the data come from and on what terms, for the foot of the page.
        simulated_time: Whether the run that asks for the page was told its instant.
    """

    series: Series
    as_of: date
    issued: IssuedForecast | None = None
    simulated: bool = False
    attribution: str = ""
    simulated_time: bool = False

    @property
    def is_of_simulated_time(self) -> bool:
        """Of the forecast that is shown; where there is none, of the run."""
        return self.issued.simulated_time if self.issued else self.simulated_time


def short_sentence(content: ShortContent) -> str:
    """What is known and that the page could not be drawn, in a reader's words."""
    name, issued = coin_name(content.series), content.issued
    known = f"The forecast of {name} as of {long_date(content.as_of)} cannot be shown"
    if issued is not None:
        known = range_clause(issued.forecast, mode=issued.mode(1))
    sentence = f"{known}; the page of {name} could not be drawn."
    return f"{sentence} [Simulated data]" if content.simulated else sentence


def short_entry(content: ShortContent) -> Entry:
    """What `latest.json` says of the series, under `undrawn`."""
    issued = content.issued
    return {
        "series": str(content.series),
        "name": coin_name(content.series),
        "market": market_name(content.series),
        "quote": content.series.quote,
        "page": page_name(content.series.slug),
        "simulated": content.simulated,
        "simulated_time": content.is_of_simulated_time,
        "as_of": content.as_of.isoformat(),
        "sentence": short_sentence(content),
        "model_id": issued.forecast.model_id if issued else None,
        "forecasts": forecast_rows(issued) if issued else None,
        "attribution": content.attribution,
    }


def render_short(content: ShortContent) -> bytes:
    """The page: the same bytes for the same content."""
    return render("short.html.j2", _view(content))


def _view(content: ShortContent) -> dict[str, Any]:
    sentence, issued = short_sentence(content), content.issued
    head, _, tail = sentence.partition("; ")
    ageing = issued is not None and not (content.simulated or content.is_of_simulated_time)
    return {
        "name": coin_name(content.series),
        "market": market_name(content.series),
        "quote": content.series.quote,
        "as_of_long": long_date(content.as_of),
        "sentence": sentence,
        "sentence_head": f"{head};",
        "sentence_tail": tail,
        "until": stale_after(content.as_of) if ageing else "",
        "week": _week(issued) if issued else [],
        "horizon_note": horizon_note(issued.forecast) if issued else "",
        "simulated": content.simulated,
        "simulated_time": content.is_of_simulated_time,
        "attribution": content.attribution,
    }


def _week(issued: IssuedForecast) -> list[dict[str, Any]]:
    lower, upper = (float(end) for end in interval(issued.forecast.quantiles[0], 80))
    prices = PriceCells(issued, rounding_step(lower, upper))
    return [prices.horizon(horizon) for horizon in HORIZONS]
