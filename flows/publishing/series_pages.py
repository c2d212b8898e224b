"""Pages of several series, each of which stands by itself: where one cannot be drawn, a short one says so."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

from flows.edges.files.targets import Publication
from flows.edges.ledger.store import Ledger
from flows.edges.sources.registry import attribution
from flows.edges.words import one_line
from flows.inputs.failures import kept
from pipeline.errors import CoincastError, PageError
from pipeline.forecasts.columns import SIMULATED_TIME
from pipeline.forecasts.current import current_forecasts
from pipeline.page.short import IssuedForecast, ShortContent
from pipeline.page.site import SeriesPage, short_page
from pipeline.series import Series


@dataclass(frozen=True)
class PublishedDays:
    """What became of a publication of several series.

    Attributes:
        publication: Of all of them.
        failures: Why a series has a short page, or is missing in the hub, by series.
        warnings: Of what did not stand in its way, a sentence each.
    """

    publication: Publication
    failures: Mapping[str, CoincastError]
    warnings: tuple[str, ...] = ()


def short_content(
    series: Series, as_of: date, sources: Collection[str] = (), *, simulated_time: bool
) -> ShortContent:
    """What is known of a day without looking anything up; `sources` as in `attribution`."""
    return ShortContent(
        series,
        as_of,
        simulated=series.simulated,
        attribution=attribution(series, sources),
        simulated_time=simulated_time,
    )


def draw_page(
    draw: Callable[[], SeriesPage],
    known: ShortContent,
    ledger: Ledger,
    *,
    usual: str,
    failures: dict[str, CoincastError],
) -> SeriesPage:
    """A series' page; where it cannot be drawn a short one, and why among the failures.

    Args:
        draw: Draws the whole page.
        known: What a short page shows at the least.
        ledger: Where a short page's forecast is kept.
        usual: model_id that stands for a day of which nothing was published.
        failures: Gets a failure, by series.
    """
    drawn: list[SeriesPage] = []
    causes: dict[str, CoincastError] = {}
    with kept(causes, f"The page of {known.series} as of {known.as_of}"):
        drawn.append(draw())
    for what, cause in causes.items():
        failures[str(known.series)] = PageError(
            f"{what} cannot be drawn, and a short one stands in its place: {one_line(cause)}"
        )
    return drawn[0] if drawn else _short_page(known, ledger, usual=usual)


def _short_page(known: ShortContent, ledger: Ledger, *, usual: str) -> SeriesPage:
    """With the published forecast, or without it where that cannot be shown either."""
    drawn: list[SeriesPage] = []
    with kept({}, f"The forecast of {known.series} as of {known.as_of}"):
        issued = _issued(ledger, known, usual=usual)
        drawn.append(short_page(replace(known, issued=issued)))
    return drawn[0] if drawn else short_page(known)


def _issued(ledger: Ledger, known: ShortContent, *, usual: str) -> IssuedForecast | None:
    """The forecast that was published of a day; None where the ledger has none with all horizons."""
    publication = ledger.publication(known.series, as_of=known.as_of)
    model_id = publication.model_id if publication else usual
    rows = ledger.forecasts(known.series, since=known.as_of, until=known.as_of, model_ids=[model_id])
    forecast = current_forecasts(rows).get(model_id)
    if forecast is None:
        return None
    own = rows.sort_values("now").iloc[0]
    return IssuedForecast(forecast, own["now"].to_pydatetime(), simulated_time=bool(own[SIMULATED_TIME]))
