"""A range recipe's settings, and what one variation of it comes to on a stretch of as_of days."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import ValidationError

from pipeline.candles.row_filter import counted
from pipeline.errors import DateError, InputError, TooLittleHistoryError
from pipeline.evaluation.backtest import Span, SpanForecasts, plan_spans
from pipeline.evaluation.backtest_summary import collect_outcomes, summarise
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.models.fitting import MINIMUM_DAYS
from pipeline.models.lstm.network import network_inputs
from pipeline.point.variation import grid, parse_vary, variation
from pipeline.recipes.base import Recipe
from pipeline.recipes.point import PointRecipe
from pipeline.scores.common_days import BoolArray
from pipeline.scores.formulas import FEWEST_TESTED

# Fields of a recipe that say what it is, not how it is fitted.
_NAMES: Final = frozenset({"name", "kind", "title", "source", "choices", "method", "library"})
Walk = Callable[[Recipe, FeatureGrid, Span], SpanForecasts]


@dataclass(frozen=True, eq=False)
class Stretch:
    """As_of days with their fits, walked by every variation alike.

    Attributes:
        grid: The days; what lies after the stretch is not in it where it is one to choose by.
        spans: Fits of the refit calendar.
        counted: Which rows of the grid are scored: those for which the longest lookback is whole, shape (n_rows,).
    """

    grid: FeatureGrid
    spans: tuple[Span, ...]
    counted: BoolArray

    @property
    def days(self) -> int:
        """How many as_of days are scored."""
        return int(sum(self.counted[span.rows].sum() for span in self.spans))

    def known_days(self, horizon: int) -> int:
        """How many of them have their outcome so many days ahead within the grid."""
        ahead = self.grid.days.log_returns_ahead(horizon)[self.grid.days.place]
        return int(
            sum((self.counted[span.rows] & np.isfinite(ahead[span.rows])).sum() for span in self.spans)
        )


def range_settings(recipe: Recipe) -> tuple[str, ...]:
    """What of a range recipe may be varied.

    Raises:
        InputError: It has nothing to vary.
    """
    names = tuple(name for name in type(recipe).model_fields if name not in _NAMES)
    if not names:
        raise InputError(
            f"{recipe.name} has no setting to vary; `coincast recipes list` shows recipes that have."
        )
    return names


def range_variation(recipe: Recipe, settings: Mapping[str, str]) -> Recipe:
    """The recipe with these settings; numbers of a list are joined by `x`, one number stands for all shares.

    Raises:
        InputError: A value is not one that the setting can have.

    Example:
        >>> from pipeline.recipes.ranges import RANGE_BLEND
        >>> range_variation(RANGE_BLEND, {"units": "16x8", "ridge_shares": "0.5"}).units
        (16, 8)
    """
    for name, value in settings.items():
        try:
            recipe = recipe.model_validate(recipe.model_dump() | {name: _parsed(recipe, name, value)})
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise InputError(f"--vary {name}, value {value[:40]}: {fault}.") from error
    return recipe


def checked_vary(recipe: Recipe, texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Settings of a point or range recipe with their values, each of which it can have.

    Raises:
        InputError: A setting is none of the recipe's, or a value none that it can have.
    """
    if isinstance(recipe, PointRecipe):
        vary = parse_vary(texts)
        for name, values in vary.items():
            for value in values:
                variation(recipe, {name: value})
        return vary
    vary = parse_vary(texts, range_settings(recipe))
    for settings in grid(vary):
        range_variation(recipe, settings)
    return vary


def check_days(
    recipe: Recipe, *, choose_until: date | None, first: date | None, validation: float | None
) -> None:
    """Refuse what says of the other kind of recipe by which days to choose.

    Raises:
        InputError: It does, or a range recipe's date is missing.
    """
    if isinstance(recipe, PointRecipe):
        if choose_until or first:
            raise InputError(
                "--choose-until and --from are for range recipes; a point recipe's sweep takes --validation and its"
                " own test rows."
            )
    elif validation is not None:
        raise InputError("--validation is for point recipes; a range recipe's sweep takes --choose-until.")
    elif choose_until is None:
        raise InputError(
            "A range recipe's sweep needs --choose-until DATE: it chooses by days up to it and is judged on the later"
            " ones, as in --choose-until 2023-12-31."
        )


def plan_stretches(
    candles: FeatureGrid,
    recipes: Sequence[Recipe],
    *,
    first: date | None,
    until: date,
    refit_every: int,
    horizons: tuple[int, ...] = HORIZONS,
) -> tuple[Stretch, Stretch]:
    """The days to choose by, whose outcomes end with `until`, and the later ones.

    Args:
        candles: The days.
        recipes: Every variation: all are scored on the days that the one with the longest window has.
        first: First as_of; None for the first with enough history.
        until: The last day whose close a choice may see.
        refit_every: Days between fits on the refit calendar.
        horizons: Each has a day to choose by and one to judge on.

    Raises:
        DateError: `until` is outside the candles, or leaves no day to choose by or to judge on.
        TooLittleHistoryError: No fit before it has enough history.
    """
    dates = candles.table["date"].dt.date
    begin, end = dates.iloc[0], dates.iloc[-1]
    if not (first or begin) < until < end:
        raise DateError(
            f"--choose-until is a day after {first or begin}, the first as_of, and before {end}, the last candle; got"
            f" {until}."
        )
    early, day = candles.until(until), timedelta(days=1)
    longest = max(recipe.window_days for recipe in recipes)
    try:
        choosing = _stretch(early, first or begin, until - day, refit_every=refit_every, lookback=longest)
    except TooLittleHistoryError as error:
        raise TooLittleHistoryError(
            f"No fit of the calendar before {until} sees {MINIMUM_DAYS} candles. Choose a later --choose-until or a"
            " smaller --refit-every."
        ) from error
    judging = _stretch(candles, until, end - day, refit_every=refit_every, lookback=longest)
    for stretch, task, later in (
        (choosing, "to choose by", "a later"),
        (judging, "to judge on", "an earlier"),
    ):
        empty = [horizon for horizon in horizons if not stretch.known_days(horizon)]
        if empty:
            raise DateError(
                f"--choose-until {until} leaves no day {task} at {empty[0]} days ahead; give {later} one, or fewer"
                " --horizons."
            )
    return choosing, judging


def few_days(choosing: Stretch, judging: Stretch, horizons: tuple[int, ...]) -> tuple[str, ...]:
    """What is to be said where a stretch has too few days for its scores to tell a variation from chance."""
    farthest = max(horizons)
    return tuple(
        f"Only {counted(days, 'day')} {task} at {counted(farthest, 'day')} ahead: fewer than {FEWEST_TESTED} tell"
        f" nothing beyond chance; give {later} --choose-until."
        for stretch, task, later in (
            (choosing, "to choose by", "a later"),
            (judging, "to judge on", "an earlier"),
        )
        if (days := stretch.known_days(farthest)) < FEWEST_TESTED
    )


def score_walk(
    stretch: Stretch, recipe: Recipe, *, horizons: tuple[int, ...], walk: Walk
) -> dict[str, dict[str, Any]]:
    """The cells of `summarise` by horizon for one variation, on the days that are counted."""
    walked = [walk(recipe, stretch.grid, span) for span in stretch.spans]
    rows = np.concatenate([one.span.rows for one in walked])
    quantiles = np.concatenate([one.quantiles for one in walked])
    counted = np.where(stretch.counted[rows][:, None, None], quantiles, np.nan)
    overall: dict[str, dict[str, Any]] = summarise(collect_outcomes(stretch.grid, rows, counted), horizons)[
        "overall"
    ]
    return overall


def mean_relative_wis(cells: Mapping[str, Mapping[str, Any]]) -> float:
    """The mean over the horizons: what a variation is chosen by; NaN where one has no day."""
    values = [cell["relative_wis"] for cell in cells.values()]
    return math.nan if None in values else float(np.mean(values))


def _stretch(grid: FeatureGrid, first: date, last: date, *, refit_every: int, lookback: int) -> Stretch:
    known = np.isfinite(network_inputs(grid.features)).all(axis=1)
    padded = np.concatenate([np.zeros(max(lookback, 1) - 1, dtype=bool), known])
    whole: BoolArray = np.asarray(sliding_window_view(padded, max(lookback, 1)).all(axis=1))
    spans = plan_spans(grid.table, first=first, last=last, refit_every=refit_every)
    return Stretch(grid, spans, whole[grid.days.place])


def _parsed(recipe: Recipe, name: str, value: str) -> object:
    now = getattr(recipe, name)
    if not isinstance(now, tuple):
        return value
    parts = value.split("x")
    return parts * len(now) if len(parts) == 1 and name.endswith("_shares") else parts
