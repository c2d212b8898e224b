"""Models on trial: their scores on days that none of them saw, as the gate wants them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from pipeline.evaluation.gate_evidence import Scores, paired_scores
from pipeline.features.day_axis import day_number
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.fitting import Model, fit
from pipeline.models.random_walk import RANDOM_WALK
from pipeline.models.registry import BASELINES
from pipeline.models.regression import HAR_RANGE
from pipeline.scores.formulas import weighted_interval_score


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
            random_walk=self.wis[RANDOM_WALK.model_id],
            har_range=self.wis[HAR_RANGE.model_id],
            champion=self.wis[apart] if apart else None,
        )


def fit_baselines(
    grid: FeatureGrid, *, as_of: date, seed: int, time_limit_s: float | None = None
) -> tuple[Model, ...]:
    """The baselines fitted on the rows at or before `as_of`, each within the limit."""
    return tuple(fit(recipe, grid, as_of=as_of, seed=seed, time_limit_s=time_limit_s) for recipe in BASELINES)


def try_models(models: Mapping[str, Model], grid: FeatureGrid, *, as_of: date, days: int) -> Trial:
    """Each model's forecasts from the `days` calendar days before `as_of`, scored by what came until `as_of`.

    Args:
        models: By model_id; each fitted on rows at or before as_of − days.
        grid: The days; rows after `as_of` are not read.
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
    past = grid.until(as_of)
    observed, numbers = (values[past.days.place] for values in (past.days.observed, past.days.number))
    on_trial = observed & (numbers >= day_number(first)) & (numbers < day_number(as_of))
    rows = np.flatnonzero(on_trial)
    outcome = past.days.outcomes[past.days.place[rows]]
    quantiles = {name: model.log_return_quantiles(past, rows) for name, model in models.items()}
    return Trial(
        quantiles=quantiles,
        wis={name: weighted_interval_score(outcome, value) for name, value in quantiles.items()},
    )
