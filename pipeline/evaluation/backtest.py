"""Walk-forward: every forecast of a stretch of days from the last fit of the refit calendar at or before it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import CLOSE, DATE, FILLED
from pipeline.errors import DateError, TooLittleHistoryError
from pipeline.features.day_axis import IntArray, day_date, day_number
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import LEVELS, FloatArray
from pipeline.models.callbacks import EpochListener
from pipeline.models.fitting import MINIMUM_DAYS, fit
from pipeline.recipes.base import Recipe

COLUMNS: Final = (
    "model_id",
    "reference_date",
    "horizon",
    "target_end_date",
    "location",
    "output_type",
    "output_type_id",
    "value",
)


@dataclass(frozen=True, eq=False)
class Span:
    """Days that one fit forecasts.

    Attributes:
        fit_as_of: The last day that the fit may see, a day of the refit calendar.
        rows: Positions in the grid of the as_of days, all at or after `fit_as_of`, array of shape (n,).
    """

    fit_as_of: date
    rows: IntArray


@dataclass(frozen=True, eq=False)
class SpanForecasts:
    """What one fit said.

    Attributes:
        span: The days.
        quantiles: Of log returns, array of shape (n, 7, 23); NaN for a day with too little before it.
        random_walk_from: First horizon that is the random walk's; None if none is.
        fit_seconds: What the fit took.
        predict_seconds: What all its days took.
    """

    span: Span
    quantiles: FloatArray
    random_walk_from: int | None
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0


def plan_spans(grid: pd.DataFrame, *, first: date, last: date, refit_every: int) -> tuple[Span, ...]:
    """The fits that the as_of days from `first` to `last` need, oldest first.

    A model is fitted on days whose count since 1970-01-01 is divisible by `refit_every`; the days between use
    the last fit at or before them. Days whose fit would see fewer than 400 candles are left out, and so are
    days without a candle.

    Raises:
        DateError: `first` is after `last`, or no candle lies between them.
        TooLittleHistoryError: No day between them has a fit with enough history.
    """
    numbers = grid[DATE].to_numpy().astype("datetime64[D]").astype(np.int64)
    observed = ~grid[FILLED].to_numpy(dtype=bool)
    rows = np.flatnonzero(observed & (numbers >= day_number(first)) & (numbers <= day_number(last)))
    if first > last or not len(rows):
        raise DateError(
            f"No candle lies between {first} and {last}; the candles go from {day_date(int(numbers[0]))}"
            f" to {day_date(int(numbers[-1]))}."
        )
    fit_days = numbers[rows] // refit_every * refit_every
    history = np.searchsorted(numbers[observed], fit_days, side="right")
    fitted = history >= MINIMUM_DAYS
    if not fitted.any():
        raise TooLittleHistoryError(
            f"No fit of the calendar between {first} and {last} sees {MINIMUM_DAYS} candles (the most is"
            f" {int(history.max())}). Choose a later --to or a smaller --refit-every."
        )
    spans = sorted(set(fit_days[fitted].tolist()))
    return tuple(Span(day_date(day), rows[fitted & (fit_days == day)]) for day in spans)


def walk_span(
    recipe: Recipe,
    grid: FeatureGrid,
    span: Span,
    *,
    seed: int,
    time_limit_s: float | None = None,
    on_epoch: EpochListener | None = None,
) -> SpanForecasts:
    """Fit on the rows up to the span's fit day and forecast its days, each from the rows up to it.

    Raises:
        TooLittleHistoryError: Holes leave too few days for the fit.
        TrainingError: The fit diverged or ran past its limit.
    """
    begun = time.perf_counter()
    model = fit(recipe, grid, as_of=span.fit_as_of, seed=seed, time_limit_s=time_limit_s, on_epoch=on_epoch)
    fitted = time.perf_counter()
    until = grid.until(grid.table[DATE].iloc[span.rows[-1]].date())
    quantiles = model.log_return_quantiles(until, span.rows)
    seconds = fitted - begun, time.perf_counter() - fitted
    return SpanForecasts(span, quantiles, model.random_walk_from, *seconds)


def forecast_lines(
    forecasts: SpanForecasts, grid: pd.DataFrame, *, model_id: str, location: str, horizons: tuple[int, ...]
) -> Iterator[str]:
    """Hubverse rows as CSV lines in the order of `COLUMNS`: a line a level, values are prices.

    A day without a forecast has no line.
    """
    rows = forecasts.span.rows
    closes = grid[CLOSE].to_numpy(dtype=float)[rows]
    days = grid[DATE].to_numpy()[rows].astype("datetime64[D]")
    for close, day, quantiles in zip(closes, days, forecasts.quantiles, strict=True):
        if not np.isfinite(quantiles).all():
            continue
        prices = (close * np.exp(quantiles)).tolist()
        for horizon in horizons:
            start = f"{model_id},{day},{horizon},{day + horizon},{location},quantile"
            for level, price in zip(LEVELS, prices[horizon - 1], strict=True):
                yield f"{start},{level!r},{price!r}"
