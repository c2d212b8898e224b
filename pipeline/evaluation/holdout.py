"""A fit judged on the newest days that it did not see, beside the random walk on the same days."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import CLOSE, DATE, FILLED
from pipeline.errors import TooLittleHistoryError
from pipeline.features.day_axis import DayAxis, IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import MEDIAN, FloatArray, interval
from pipeline.models.callbacks import EpochListener
from pipeline.models.fitting import MINIMUM_DAYS, Fitter, Model, fit
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.recipes.base import Recipe
from pipeline.scores.common_days import BoolArray, DayArray, chosen_days, common_cells
from pipeline.scores.formulas import one_day_persistence, weighted_interval_score
from pipeline.scores.metrics import DAYS, PRICE, RANGES, SCALED, SKILL, measure
from pipeline.scores.scored import Points, Prices, Ranges

TEST_DAYS: Final = 90
# Candles with which every range recipe can be fitted and judged: the one number that a person is told.
ENOUGH_DAYS: Final = MINIMUM_DAYS + TEST_DAYS


def require_days(grid: pd.DataFrame) -> None:
    """Refuse a history that is too short to fit a range recipe on and to judge it, before anything is fitted.

    Args:
        grid: A daily grid; filled days are no candles.

    Raises:
        TooLittleHistoryError: It has fewer than `ENOUGH_DAYS` candles.
    """
    candles = int((~grid[FILLED]).sum())
    if candles < ENOUGH_DAYS:
        raise TooLittleHistoryError(
            f"{ENOUGH_DAYS} daily candles are needed, {MINIMUM_DAYS} to fit and {TEST_DAYS} to be judged on; "
            f"got {candles} up to {grid[DATE].iloc[-1].date()}. Choose a later day or a longer file."
        )


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
    def wis(self) -> FloatArray:
        """Weighted interval score of each forecast, array of shape (n,)."""
        return weighted_interval_score(self.outcome, self.quantiles)

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
                "wis": np.where(self.common, self.wis, np.nan),
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
            `lower_80`, `upper_80`, in quote currency, and `wis`; NaN on the days that are not among the `test_days`.
        fit_seconds: What the fit took.
        predict_seconds: What the forecasts took.
    """

    model: Model
    metrics: dict[str, float]
    history: dict[str, list[float]]
    sample: Sample = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0

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
    fit: Fitter = fit,
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
        fit: Who makes the fit.

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

    begun = time.perf_counter()
    model = fit(
        recipe,
        past,
        as_of=trained_as_of,
        seed=seed,
        time_limit_s=time_limit_s,
        on_epoch=keep,
        watched=past,
    )
    fitted = time.perf_counter()
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
    begun_to_predict = time.perf_counter()
    quantiles = model.log_return_quantiles(past, rows)[:, 0]
    predicted = time.perf_counter()
    sample = Sample(
        days=days,
        places=places,
        quantiles=quantiles,
        walk=random_walk_quantiles(days, places)[:, 0],
        trained=past.until(trained_as_of).table,
    )
    return Evaluation(
        model=model,
        metrics=sample.metrics(),
        history=history,
        sample=sample,
        table=sample.table(),
        fit_seconds=fitted - begun,
        predict_seconds=predicted - begun_to_predict,
    )


def _metrics(sample: Sample) -> dict[str, float]:
    """Of a sample in which nothing is missing."""
    last = sample.days.close[sample.places]
    scored = Ranges(
        actual=sample.days.close[sample.places + 1],
        predicted=last * np.exp(sample.quantiles[:, MEDIAN]),
        last=last,
        persistence=one_day_persistence(sample.trained),
        outcome=sample.outcome,
        quantiles=sample.quantiles,
        walk=sample.walk,
    )
    still = _point_metrics(replace(scored, predicted=last), sample.trained)
    return {
        **measure([DAYS], scored, of="test_"),
        **_point_metrics(scored, sample.trained),
        **{f"random_walk_{name}": value for name, value in still.items()},
        **measure([SKILL], scored),
        **measure(RANGES, scored, of="test_"),
    }


def _point_metrics(scored: Prices, trained: pd.DataFrame) -> dict[str, float]:
    """In the units of the training rows' closes (mean 0, deviation 1), and in price."""
    training = trained.loc[~trained[FILLED], CLOSE].to_numpy()
    centre, spread = float(training.mean()), float(training.std()) or 1.0
    scaled = Points((scored.actual - centre) / spread, (scored.predicted - centre) / spread)
    return measure(SCALED, scaled, of="test_") | measure(PRICE, scored, of="test_")
