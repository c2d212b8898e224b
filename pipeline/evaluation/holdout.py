"""A fit judged on the newest days that it did not see, beside the random walk on the same days."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import CLOSE, FILLED
from pipeline.errors import TooLittleHistoryError
from pipeline.features.day_axis import DayAxis, IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import COVERAGES, MEDIAN, FloatArray, interval
from pipeline.models.callbacks import EpochListener
from pipeline.models.fitting import Model, fit
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.point.framing import one_day_persistence
from pipeline.point.scores import direction_hits, skill
from pipeline.recipes.base import Recipe
from pipeline.scores.common_days import BoolArray, DayArray, chosen_days, common_cells
from pipeline.scores.metrics import (
    coverage,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_absolute_scaled_error,
    mean_squared_error,
    relative_wis,
    weighted_interval_score,
)

TEST_DAYS: Final = 90


@dataclass(frozen=True, eq=False)
class Sample:
    """Forecasts one day ahead and the random walk's, of days whose close is known.

    Attributes:
        days: The candles.
        places: Where each forecast was made, array of shape (n,).
        quantiles: Of log returns, array of shape (n, 23), NaN where there is no forecast.
        walk: The random walk's, same shape.
        trained: The grid's training rows, which give the units.
    """

    days: DayAxis
    places: IntArray
    quantiles: FloatArray
    walk: FloatArray
    trained: pd.DataFrame = field(repr=False)

    @property
    def random_walk(self) -> "Sample":
        """The random walk judged beside itself: on every day that it forecasts."""
        return replace(self, quantiles=self.walk)

    @property
    def targets(self) -> DayArray:
        """The day that each forecast is about, array of shape (n,)."""
        return (self.days.number[self.places] + 1).astype("datetime64[D]")

    @property
    def outcome(self) -> FloatArray:
        """The log returns that came, array of shape (n,)."""
        return self.days.log_returns_ahead(1)[self.places]

    @property
    def common(self) -> BoolArray:
        """On which days both have a forecast, array of shape (n,)."""
        return common_cells(self.outcome, self.quantiles, self.walk)

    def metrics(self, on: DayArray | None = None) -> dict[str, float]:
        """Scores on the days that both forecast, or on those of them that are among `on`."""
        chosen = self.common if on is None else self.common & chosen_days(self.targets, on)
        return _metrics(
            replace(
                self, places=self.places[chosen], quantiles=self.quantiles[chosen], walk=self.walk[chosen]
            )
        )

    def table(self) -> pd.DataFrame:
        """As `Evaluation.table`."""
        close = np.where(self.common, self.days.close[self.places], np.nan)
        lower, upper = interval(self.quantiles, 80)
        return pd.DataFrame(
            {
                "date": self.targets.astype("datetime64[us]"),
                "actual": self.days.close[self.places + 1],
                "predicted": close * np.exp(self.quantiles[:, MEDIAN]),
                "random_walk": close,
                "lower_80": close * np.exp(lower),
                "upper_80": close * np.exp(upper),
            }
        )


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One day ahead on the test days.

    Attributes:
        model: The judged fit; its `trained_as_of` is the last day that it could see.
        metrics: Values by name, all of the `test_days` days that model and random walk forecast; those of the
            random walk begin with `random_walk_`. Where there is no such day the others are absent.
        history: Loss of each epoch by name: `loss` on the training rows, `val_loss` on the test days.
        sample: The forecasts.
        table: A row a test day that has a close: `date` (the target's), `actual`, `predicted`, `random_walk`,
            `lower_80`, `upper_80`, in quote currency; NaN on the days that are not among the `test_days`.
    """

    model: Model
    metrics: dict[str, float]
    history: dict[str, list[float]]
    sample: Sample = field(repr=False)
    table: pd.DataFrame = field(repr=False)

    @property
    def days_in_words(self) -> str:
        """Which days it is judged on: `the last 90 days`, or `37 of the last 90 days` where not all have a forecast."""
        scored, asked = int(self.metrics["test_days"]), len(self.table)
        return f"the last {asked} days" if scored == asked else f"{scored or 'none'} of the last {asked} days"


def evaluate(
    recipe: Recipe,
    grid: FeatureGrid,
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
        grid: The days; rows after `as_of` are not read.
        as_of: Date of the last target.
        seed: Of the fit.
        test_days: Targets, the newest calendar days.
        time_limit_s: Seconds after which the fit fails.
        on_epoch: Told of each epoch.

    Raises:
        TooLittleHistoryError: Too few rows are left for the fit, or no test day has a candle.
        TrainingError: The fit diverged or ran past its limit.
    """
    past = grid.until(as_of)
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
    days = past.days
    first = days.place_of(trained_as_of)
    origins = np.arange(first, len(days.number) - 1)
    outcome = days.log_returns_ahead(1)[origins]
    rows = np.searchsorted(days.place, origins[np.isfinite(outcome)])
    if not len(rows):
        raise TooLittleHistoryError(
            f"No day after {trained_as_of} can be judged; there is no candle to compare."
        )
    places = days.place[rows]
    sample = Sample(
        days=days,
        places=places,
        quantiles=model.log_return_quantiles(past, rows)[:, 0],
        walk=random_walk_quantiles(days, places)[:, 0],
        trained=past.until(trained_as_of).table,
    )
    return Evaluation(
        model=model, metrics=sample.metrics(), history=history, sample=sample, table=sample.table()
    )


def _metrics(sample: Sample) -> dict[str, float]:
    """Of a sample in which nothing is missing."""
    days, places, quantiles = sample.days, sample.places, sample.quantiles
    outcome = sample.outcome
    median = days.close[places] * np.exp(quantiles[:, MEDIAN])
    values = point_metrics(days, places, median, trained=sample.trained)
    last = point_metrics(days, places, days.close[places], trained=sample.trained)
    values |= {f"random_walk_{name}": value for name, value in last.items()}
    values["skill_vs_random_walk"] = skill(values["test_mse_price"], last["test_mse_price"])
    values["test_relative_wis"] = relative_wis(
        weighted_interval_score(outcome, quantiles), weighted_interval_score(outcome, sample.walk)
    )
    for percent in COVERAGES:
        values[f"test_coverage_{percent}_pct"] = 100 * coverage(outcome, quantiles, percent)
    defined = {name: value for name, value in values.items() if np.isfinite(value)}
    return {"test_days": float(len(places)), **defined}


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
