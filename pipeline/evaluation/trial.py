"""Models on trial: their scores on days that none of them saw, as the gate wants them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipeline.evaluation.gate_evidence import Scores, paired_scores
from pipeline.features.day_axis import DayAxis
from pipeline.forecasts.quantiles import HORIZONS, FloatArray
from pipeline.models.fitting import Model, fit, rows_until
from pipeline.recipes import Recipe, find_recipe
from pipeline.scores.metrics import weighted_interval_score

BASELINES: Final = ("random-walk", "har-range", "ewma-range")


@dataclass(frozen=True, eq=False)
class Trial:
    """Forecasters on the same days, each made on the day itself by a fit that ended before all of them.

    Attributes:
        quantiles: Log returns by model_id, each of shape (n_days, 7, 23).
        wis: Weighted interval scores by model_id, each of shape (n_days, 7); NaN where no outcome is known or the
            model has no forecast.
    """

    quantiles: dict[str, FloatArray]
    wis: dict[str, FloatArray]

    def scores(self, candidate: str, champion: str | None) -> Scores:
        """One score a day for the gate; a champion of the candidate's own recipe says nothing more."""
        apart = champion if champion in self.wis and champion != candidate else None
        return paired_scores(
            candidate=self.wis[candidate],
            random_walk=self.wis["coincast-random_walk"],
            har_range=self.wis["coincast-har_range"],
            champion=self.wis[apart] if apart else None,
        )


def issued_recipes(recipe: Recipe) -> tuple[Recipe, ...]:
    """The recipes that a day is forecast by: the baselines, and `recipe` where it is none of them."""
    return tuple({one.model_id: one for one in (*map(find_recipe, BASELINES), recipe)}.values())


def fit_baselines(grid: pd.DataFrame, *, as_of: date, seed: int) -> tuple[Model, ...]:
    """The baselines fitted on the rows at or before `as_of`."""
    return tuple(fit(find_recipe(name), grid, as_of=as_of, seed=seed) for name in BASELINES)


def try_models(models: Mapping[str, Model], grid: pd.DataFrame, *, as_of: date, days: int) -> Trial:
    """Each model's forecasts from the `days` calendar days before `as_of`, scored by what came until `as_of`.

    Args:
        models: By model_id; each fitted on rows at or before as_of − days.
        grid: A `daily_grid`; rows after `as_of` are not read.
        as_of: The last day whose close is known.
        days: Calendar days on trial.

    Raises:
        ValueError: A model has seen one of the days.
    """
    first = as_of - timedelta(days=days)
    younger = [name for name, model in models.items() if model.trained_as_of > first]
    if younger:
        raise ValueError(
            f"{younger[0]} was fitted after {first} and cannot be judged on the days that follow"
        )
    past = rows_until(grid, as_of)
    axis = DayAxis.of(past)
    on_trial = (past["date"] >= pd.Timestamp(first)) & (past["date"] < pd.Timestamp(as_of)) & ~past["filled"]
    rows = np.flatnonzero(on_trial)
    outcome = np.stack([axis.log_returns_ahead(h)[axis.place[rows]] for h in HORIZONS], axis=1)
    quantiles = {name: model.log_return_quantiles(past, rows) for name, model in models.items()}
    return Trial(
        quantiles=quantiles,
        wis={name: weighted_interval_score(outcome, value) for name, value in quantiles.items()},
    )
