"""The two figures of a daily fit: how the loss fell, and forecasts against what happened."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure


def loss_figure(history: Mapping[str, Sequence[float]]) -> Figure:
    """Each curve by epoch, as `loss` and `val_loss`."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in history.items():
        axes.plot(range(1, len(values) + 1), values, label=name)
    axes.set(title="Loss by epoch", xlabel="epoch", ylabel="pinball loss, scaled units")
    if history:
        axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    return figure


def forecast_figure(table: pd.DataFrame, *, title: str) -> Figure:
    """One-day-ahead forecasts of the test days, with the 80 % range, against the closes that came.

    Args:
        table: `Evaluation.table`; a day that it lacks is a gap in every line.
        title: Above the figure.
    """
    table = table.set_index("date").asfreq("D").reset_index()
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    days = table["date"].to_numpy()
    axes.fill_between(
        days,
        table["lower_80"],
        table["upper_80"],
        color="#0072B2",
        alpha=0.2,
        linewidth=0,
        label="80 % range",
    )
    axes.plot(days, table["predicted"], color="#0072B2", linewidth=1, label="median forecast")
    axes.plot(days, table["random_walk"], color="#E69F00", linewidth=1, linestyle=":", label="random walk")
    axes.plot(days, table["actual"], color="black", linewidth=1.2, label="close")
    axes.set(title=title, ylabel="close")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    return figure
