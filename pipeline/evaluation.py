"""A fit judged on the newest days that it did not see, beside the random walk on the same days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipeline.baselines import random_walk_quantiles
from pipeline.candles.columns import CLOSE, FILLED
from pipeline.day_axis import DayAxis, IntArray
from pipeline.errors import TooLittleHistoryError
from pipeline.forecasting import Model, fit, rows_until
from pipeline.framing import one_day_persistence
from pipeline.point_scores import direction_hits
from pipeline.quantiles import COVERAGES, MEDIAN, FloatArray, interval
from pipeline.recipes.base import Recipe
from pipeline.scoring import (
    coverage,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_absolute_scaled_error,
    mean_squared_error,
    relative_wis,
    weighted_interval_score,
)
from pipeline.training import EpochListener

TEST_DAYS: Final = 90


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One day ahead on the test days.

    Attributes:
        model: The judged fit; its `trained_as_of` is the last day that it could see.
        metrics: Values by name; those of the random walk on the same days begin with `random_walk_`.
        history: Loss of each epoch by name: `loss` on the training rows, `val_loss` on the test days.
        table: A row a test day: `date` (the target's), `actual`, `predicted`, `random_walk`, `lower_80`,
            `upper_80`, in quote currency.
    """

    model: Model
    metrics: dict[str, float]
    history: dict[str, list[float]]
    table: pd.DataFrame = field(repr=False)


def evaluate(
    recipe: Recipe,
    grid: pd.DataFrame,
    *,
    as_of: date,
    seed: int,
    test_days: int = TEST_DAYS,
    time_limit_s: float | None = None,
    on_epoch: EpochListener | None = None,
) -> Evaluation:
    """Fit on the rows up to as_of − test_days and judge the forecasts of the closes after it.

    Args:
        recipe: Of kind `range` or `baseline`.
        grid: A `daily_grid`; rows after `as_of` are not read.
        as_of: Date of the last target.
        seed: Of the fit.
        test_days: Targets, the newest calendar days.
        time_limit_s: Seconds after which the fit fails.
        on_epoch: Told of each epoch.

    Raises:
        TooLittleHistoryError: Too few rows are left for the fit, or no test day has a forecast.
        TrainingError: The fit diverged or ran past its limit.
    """
    past = rows_until(grid, as_of)
    trained_as_of = as_of - timedelta(days=test_days)
    history: dict[str, list[float]] = {}

    def keep(epoch: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            history.setdefault(name, []).append(value)
        if on_epoch:
            on_epoch(epoch, values)

    model = fit(
        recipe,
        past,
        as_of=trained_as_of,
        seed=seed,
        time_limit_s=time_limit_s,
        on_epoch=keep,
        watched=past,
    )
    days = DayAxis.of(past)
    first = days.place_of(trained_as_of)
    origins = np.arange(first, len(days.number) - 1)
    outcome = days.log_returns_ahead(1)[origins]
    rows = np.searchsorted(days.place, origins[np.isfinite(outcome)])
    if not len(rows):
        raise TooLittleHistoryError(
            f"No day after {trained_as_of} can be judged; there is no candle to compare."
        )
    quantiles = model.log_return_quantiles(past, rows)[:, 0]
    return Evaluation(
        model=model,
        metrics=_metrics(days, days.place[rows], quantiles, trained=rows_until(past, trained_as_of)),
        history=history,
        table=_table(days, days.place[rows], quantiles),
    )


def _metrics(
    days: DayAxis, places: IntArray, quantiles: FloatArray, *, trained: pd.DataFrame
) -> dict[str, float]:
    outcome = days.log_returns_ahead(1)[places]
    walk = random_walk_quantiles(days, places)[:, 0]
    scores = weighted_interval_score(outcome, quantiles)
    values = point_metrics(days, places, days.close[places] * np.exp(quantiles[:, MEDIAN]), trained=trained)
    last = point_metrics(days, places, days.close[places], trained=trained)
    values |= {f"random_walk_{name}": value for name, value in last.items()}
    values["skill_vs_random_walk"] = 1 - values["test_mse_price"] / values["random_walk_test_mse_price"]
    values["test_relative_wis"] = relative_wis(scores, weighted_interval_score(outcome, walk))
    for percent in COVERAGES:
        values[f"test_coverage_{percent}_pct"] = 100 * coverage(outcome, quantiles, percent)
    return {name: value for name, value in values.items() if np.isfinite(value)}


def point_metrics(
    days: DayAxis, places: IntArray, predicted: FloatArray, *, trained: pd.DataFrame
) -> dict[str, float]:
    """Errors of point forecasts of the next close.

    Args:
        days: The candles.
        places: Where each forecast was made, array of shape (n,).
        predicted: Closes, array of shape (n,).
        trained: The grid's training rows: their closes give the scaled unit (mean 0, deviation 1) and the
            scale of MASE.

    Returns:
        Values in scaled units, in price and without a unit, by their names in the tracking server; NaN where
        one is not defined.
    """
    actual, before = days.close[places + 1], days.close[places]
    training = trained.loc[~trained[FILLED], CLOSE].to_numpy()
    centre, spread = float(training.mean()), float(training.std()) or 1.0
    scaled = ((actual - centre) / spread, (predicted - centre) / spread)
    squared = mean_squared_error(actual, predicted)
    return {
        "test_mse_scaled": mean_squared_error(*scaled),
        "test_mape_scaled_pct": 100 * mean_absolute_percentage_error(*scaled),
        "test_mse_price": squared,
        "test_rmse_price": squared**0.5,
        "test_mae_price": mean_absolute_error(actual, predicted),
        "test_mape_price_pct": 100 * mean_absolute_percentage_error(actual, predicted),
        "test_mase": mean_absolute_scaled_error(actual, predicted, scale=one_day_persistence(trained)),
        "test_direction_pct": 100 * direction_hits(actual, predicted, before),
    }


def _table(days: DayAxis, places: IntArray, quantiles: FloatArray) -> pd.DataFrame:
    close = days.close[places]
    lower, upper = interval(quantiles, 80)
    return pd.DataFrame(
        {
            "date": (days.number[places] + 1).astype("datetime64[D]").astype("datetime64[us]"),
            "actual": days.close[places + 1],
            "predicted": close * np.exp(quantiles[:, MEDIAN]),
            "random_walk": close,
            "lower_80": close * np.exp(lower),
            "upper_80": close * np.exp(upper),
        }
    )
