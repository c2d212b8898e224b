"""The figures that the texts show, and the two that they do not: drawn without a screen, with a table's words."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.comparison import Outcome
from pipeline.forecasts.quantiles import FloatArray
from pipeline.point.framing import Framing, Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by colour-blind readers too; then more, for more recipes than those.
COLOURS: Final = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#8C564B", "#7F7F00", "#5B2A86", "#F781BF", "#003C30", "#A6CEE3", "#B30000"),
)


def closes_figure(candles: pd.DataFrame, *, quote: str = "") -> Figure:
    """The close of every day."""
    figure, axes = _canvas("Close", f"close {quote}".strip())
    axes.plot(candles["date"].to_numpy(), candles["close"].to_numpy(), color=COLOURS[0], linewidth=1)
    return figure


def scaled_figure(framing: Framing) -> Figure:
    """The scaled target of every window, with the first test day marked."""
    names = {"standard": "Standardised", "min-max": "Min-max scaled"}
    what = "log return" if framing.recipe.target == "log-return" else "close"
    figure, axes = _canvas(f"{names[framing.recipe.scaler]} {what}, {framing.variant}", "scaled units")
    axes.plot(framing.dates, framing.targets, color=COLOURS[0], linewidth=1)
    axes.axvline(
        framing.dates[framing.parts.test.start], color=COLOURS[1], linestyle="--", label="test begins"
    )
    axes.legend()
    return figure


def curve_figure(outcomes: Sequence[Outcome], curve: str) -> Figure:
    """One curve by epoch, as `train_mse_scaled`: a panel a variant, a colour a recipe, validation dashed."""
    unit = "%" if curve.endswith("_pct") else "scaled units"
    drawn = [outcome for outcome in outcomes if curve in outcome.history]
    figure, panels = _variants("MAPE by epoch" if unit == "%" else "Loss by epoch", drawn, unit)
    colours = _colours(outcomes)
    for outcome in drawn:
        axes = panels[outcome.variant]
        for name, style in ((curve, "-"), (curve.replace("train", "validation"), "--")):
            values = outcome.history.get(name, [])
            if values:
                held_out = ", validation" if style == "--" else ""
                axes.plot(
                    range(1, len(values) + 1),
                    values,
                    style,
                    color=colours[outcome.recipe],
                    label=outcome.label + held_out,
                )
    for axes in panels.values():
        axes.set(xlabel="epoch", yscale="linear" if unit == "%" else "log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(axes)
    return figure


def prediction_figure(outcomes: Sequence[Outcome], part: str) -> Figure:
    """Prediction against what happened on the `train` or the `test` rows: a panel a variant, a colour a recipe."""
    title = "Prediction on training data" if part == "train" else "Prediction on test data"
    drawn = [outcome for outcome in outcomes if (outcome.table["part"] == part).any()]
    figure, panels = _variants(title, drawn, "close")
    colours = _colours(outcomes)
    for variant, axes in panels.items():
        shown = [outcome for outcome in drawn if outcome.variant == variant]
        tables = [outcome.table[outcome.table["part"] == part].sort_values("date") for outcome in shown]
        truth = pd.concat(tables).drop_duplicates("date").sort_values("date")
        days, actual = truth["date"].to_numpy(), truth["actual"].to_numpy()
        axes.plot(days, actual, color="#777777", linewidth=1.5, label="actual")
        for outcome, rows in zip(shown, tables, strict=True):
            days, predicted = rows["date"].to_numpy(), rows["predicted"].to_numpy()
            axes.plot(days, predicted, color=colours[outcome.recipe], linewidth=0.9, label=outcome.label)
        _legend(axes)
    return figure


def gradient_figure(panels: Mapping[str, Mapping[str, FloatArray]]) -> Figure:
    """Gradient norm of the loss by lag; a panel for each state of the cells, a line for each cell.

    Args:
        panels: Title → cell → norms, newest lag first (`gradients.gradient_by_lag`).
    """
    figure = Figure(figsize=(5.2 * len(panels), 4.2), layout="constrained")
    figure.suptitle("How far back the loss reaches: gradient norm by lag, lag 1 = 1")
    for axes, (title, cells) in zip(_row(figure, len(panels)), panels.items(), strict=True):
        for index, (cell, norms) in enumerate(cells.items()):
            lags = np.arange(1, len(norms) + 1)
            axes.plot(lags, norms / norms[0], color=COLOURS[index % len(COLOURS)], label=cell)
        axes.set(title=title, xlabel="lag (days before the target)", yscale="log")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.axes[0].set_ylabel("‖∂L/∂x‖ / its value at lag 1")
    return figure


def effect_figure(trials: pd.DataFrame, settings: Sequence[str], *, score: str) -> Figure:
    """Effect of each setting of a sweep on the validation score: every trial a dot, their mean a bar.

    Args:
        trials: A row a trial, with a column for each setting (as text) and one for `score`.
        settings: Columns to show, a panel each.
        score: Column of the score.
    """
    figure = Figure(figsize=(4.2 * len(settings), 4), layout="constrained")
    figure.suptitle("Effect of each setting on the validation rows")
    for axes, setting in zip(_row(figure, len(settings)), settings, strict=True):
        values = list(dict.fromkeys(trials[setting]))
        for place, value in enumerate(values):
            scores = trials.loc[trials[setting] == value, score].to_numpy(dtype=np.float64)
            axes.plot(np.full(len(scores), place), scores, "o", color=COLOURS[0], alpha=0.6)
            axes.plot([place - 0.25, place + 0.25], [scores.mean()] * 2, color=COLOURS[1], linewidth=2)
        axes.set_xticks(range(len(values)), [str(value) for value in values])
        axes.set(xlabel=setting, ylabel=score.replace("_", " "))
        axes.grid(alpha=0.3)
    return figure


def _canvas(title: str, unit: str) -> "tuple[Figure, Axes]":
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, ylabel=unit)
    axes.grid(alpha=0.3)
    return figure, axes


def _variants(title: str, outcomes: Sequence[Outcome], unit: str) -> "tuple[Figure, dict[Variant, Axes]]":
    """A panel for each variant: leak-free and as written differ in days and units."""
    variants = list(dict.fromkeys(outcome.variant for outcome in outcomes))
    figure = Figure(figsize=(8, 4.2 * len(variants)), layout="constrained")
    axes: Any = figure.subplots(len(variants), 1, squeeze=False)
    panels = dict(zip(variants, axes[:, 0], strict=True))
    for variant, panel in panels.items():
        panel.set(title=f"{title}, {variant}", ylabel=unit)
        panel.grid(alpha=0.3)
    return figure, panels


def _colours(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """A colour for each recipe, the same in every panel; seeds share it."""
    return dict(zip(dict.fromkeys(outcome.recipe for outcome in outcomes), cycle(COLOURS), strict=False))


def _row(figure: Figure, count: int) -> "list[Axes]":
    axes: Any = figure.subplots(1, count, squeeze=False)
    return list(axes[0])


def _legend(axes: "Axes") -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")
