"""Four figures of a backtest: the last forecasts, calibration, coverage by year, skill over time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure

from pipeline.evaluation.backtest_summary import Outcomes
from pipeline.forecasts.quantiles import COVERAGES, HORIZONS, MEDIAN, FloatArray, interval
from pipeline.scores.common_days import common_cells
from pipeline.scores.formulas import probability_integral_transform

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE: Final = "#0072B2"
_ORANGE: Final = "#D55E00"
_COLOURS: Final = (_BLUE, _ORANGE, "#009E73", "#CC79A7")
_BINS: Final = 10
_DAYS_SHOWN: Final = 60


def fan_figure(outcomes: Outcomes, *, title: str) -> Figure:
    """The last forecast's 50, 80 and 95 % ranges of seven days, after the closes of the days before it.

    The last day has none where too little lies before it: the newest that has one is drawn then, and without any the
    closes alone.
    """
    figure, axes = _canvas(title, "close")
    forecast = np.flatnonzero(common_cells(outcomes.quantiles))
    past = slice(-_DAYS_SHOWN, None)
    axes.plot(outcomes.dates[past], outcomes.close[past], color="black", linewidth=1, label="close")
    if not len(forecast):
        return figure
    last = forecast[-1]
    start, close = outcomes.dates[last], outcomes.close[last]
    days = start + np.arange(0, len(HORIZONS) + 1)
    for percent, shade in ((95, 0.15), (80, 0.25), (50, 0.4)):
        lower, upper = interval(outcomes.quantiles[last], percent)
        low, high = _from(close, lower), _from(close, upper)
        axes.fill_between(days, low, high, color=_BLUE, alpha=shade, linewidth=0, label=f"{percent} %")
    axes.plot(
        days, _from(close, outcomes.quantiles[last, :, MEDIAN]), color=_BLUE, linewidth=1, label="median"
    )
    axes.legend(loc="upper left", fontsize="small")
    return figure


def pit_figure(outcomes: Outcomes, *, horizon: int) -> Figure:
    """Where the outcomes fell in their forecasts: ten bars of the same height when calibrated."""
    own, _ = outcomes.scores(horizon)
    scored = int(np.isfinite(own).sum())
    figure, axes = _canvas(f"Calibration, {horizon} day(s) ahead, {scored:,} days", "share of days, %")
    actual = np.where(np.isfinite(own), outcomes.actual[:, horizon - 1], np.nan)
    levels = probability_integral_transform(actual, outcomes.quantiles[:, horizon - 1])
    levels = levels[np.isfinite(levels)]
    counts, edges = np.histogram(levels, bins=_BINS, range=(0, 1))
    axes.bar(
        edges[:-1], 100 * counts / max(len(levels), 1), width=1 / _BINS, align="edge", color=_BLUE, ec="white"
    )
    axes.axhline(100 / _BINS, color=_ORANGE, linestyle="--")
    axes.set_xlabel("level of the forecast distribution")
    return figure


def coverage_figure(summary: Mapping[str, Any], *, horizon: int) -> Figure:
    """Share of outcomes inside each central range by calendar year, beside what was promised."""
    figure, axes = _canvas(f"Coverage by year, {horizon} day(s) ahead", "inside the range, %")
    cells = {year: summary["years"][year][str(horizon)] for year in summary["years"]}
    years = [f"{year}\n{cell['days']} days" for year, cell in cells.items()]
    for percent, colour in zip(COVERAGES, _COLOURS, strict=True):
        shares = [cell[f"coverage_{percent}_pct"] for cell in cells.values()]
        values = [np.nan if share is None else share for share in shares]
        axes.plot(years, values, "o-", color=colour, label=f"{percent} %")
        axes.axhline(percent, color=colour, linestyle="--", linewidth=0.8)
    axes.legend(fontsize="small")
    return figure


def cumulative_figure(outcomes: Outcomes, *, horizon: int) -> Figure:
    """WIS gained on the random walk, summed over days; rising is better."""
    own, walk = outcomes.scores(horizon)
    title = f"WIS gained on the random walk, {horizon} day(s) ahead, {np.isfinite(own).sum():,} days"
    figure, axes = _canvas(title, "sum, log-return units")
    gained = np.cumsum(np.nan_to_num(walk - own, nan=0.0))
    axes.plot(outcomes.dates, gained, color=_BLUE, linewidth=1.2)
    axes.axhline(0, color="black", linewidth=0.8)
    return figure


def _from(close: float, log_returns: FloatArray) -> FloatArray:
    """The close, then the prices that the log returns lead to."""
    return np.concatenate([[close], close * np.exp(log_returns)])


def _canvas(title: str, unit: str) -> "tuple[Figure, Axes]":
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, ylabel=unit)
    axes.grid(alpha=0.3)
    return figure, axes
