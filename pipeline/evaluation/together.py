"""One leaderboard for ranges and points: every recipe on the days that all of a comparison have."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from typing import Any, Final

import numpy as np

from pipeline.candles.columns import DATE
from pipeline.evaluation.comparison import RANDOM_WALK, Outcome
from pipeline.forecasts.quantiles import FloatArray
from pipeline.point.framing import LEAK_FREE
from pipeline.scores.common_days import DayArray, chosen_days
from pipeline.scores.formulas import FEWEST_TESTED, standard_error
from pipeline.scores.metrics import TOGETHER

# By day, of the table of an outcome; a point recipe has no WIS.
LOSSES: Final = tuple(metric.name for metric in TOGETHER)


@dataclass(frozen=True)
class Place:
    """A recipe's row, all of the same days.

    Attributes:
        rank: From 1: by WIS, then those that forecast no range by MSE.
        recipe: Its name.
        seeds: How many fits are averaged, day by day.
        values: By name of `LOSSES`, what there is.
        errors: Standard error of the difference from the random walk's, in the same unit; from 30 days on.
        fit_seconds: Of one fit, the mean over seeds.
        predict_seconds: Of its forecasts.
    """

    rank: int
    recipe: str
    seeds: int
    values: Mapping[str, float]
    errors: Mapping[str, float]
    fit_seconds: float
    predict_seconds: float

    def as_values(self) -> dict[str, Any]:
        """JSON values; None where there is none."""
        told: dict[str, Any] = {"rank": self.rank, "recipe": self.recipe, "seeds": self.seeds}
        for name in LOSSES:
            told |= {name: self.values.get(name), f"{name}_error": self.errors.get(name)}
        return told | {"fit_seconds": self.fit_seconds, "predict_seconds": self.predict_seconds}


@dataclass(frozen=True, eq=False)
class Together:
    """The leaderboard and its days, array of shape (n,): those on which every recipe that forecasts at all has one."""

    days: DayArray
    places: tuple[Place, ...]

    def as_values(self) -> dict[str, Any]:
        """JSON values."""
        ends = (str(self.days.min()), str(self.days.max())) if len(self.days) else (None, None)
        rows = [place.as_values() for place in self.places]
        return {"days": len(self.days), "first": ends[0], "last": ends[1], "rows": rows}


def rank_together(outcomes: Sequence[Outcome]) -> Together:
    """The leak-free outcomes that have a forecast, whatever their setting, best WIS first.

    Args:
        outcomes: Of recipes and seeds, and the random walk's of each setting.
    """
    compared = [one for one in outcomes if one.variant == LEAK_FREE and len(one.test)]
    if not compared:
        return Together(np.array([], dtype="datetime64[D]"), ())
    days: DayArray = reduce(np.intersect1d, (_test_days(one) for one in compared))
    walks = [one for one in compared if one.recipe == RANDOM_WALK]
    # Of several settings' walks, which are the same on the same days, the one that has ranges.
    walks = sorted(walks, key=lambda one: "wis" not in one.table)[:1]
    fits = sorted((one for one in compared if one.recipe != RANDOM_WALK), key=lambda one: one.recipe)
    groups = [list(group) for _, group in groupby([*walks, *fits], key=lambda one: one.recipe)]
    baseline = daily_losses(walks, days) if walks else {}
    places = sorted((_place(group, days, baseline) for group in groups), key=_order)
    ranked = (replace(place, rank=rank) for rank, place in enumerate(places, start=1))
    return Together(days, tuple(ranked) if len(days) else ())


def daily_losses(group: Sequence[Outcome], days: DayArray) -> dict[str, FloatArray]:
    """Of each of the days, averaged over seeds: arrays of shape (n,) by name of `LOSSES`."""
    tables = [one.test[chosen_days(_test_days(one), days)] for one in group]
    losses: dict[str, FloatArray] = {
        "mse_price": np.mean([(one["predicted"] - one["actual"]) ** 2 for one in tables], axis=0),
        "mape_price_pct": np.mean(
            [100 * abs((one["predicted"] - one["actual"]) / one["actual"]) for one in tables], axis=0
        ),
    }
    if all("wis" in one for one in tables):
        losses["wis"] = np.mean([one["wis"] for one in tables], axis=0)
    return losses


def _test_days(outcome: Outcome) -> DayArray:
    return outcome.test[DATE].to_numpy().astype("datetime64[D]")


def _place(group: Sequence[Outcome], days: DayArray, baseline: Mapping[str, FloatArray]) -> Place:
    losses = daily_losses(group, days)
    tested = len(days) >= FEWEST_TESTED
    differences = {name: losses[name] - baseline[name] for name in losses if tested and name in baseline}
    errors = {name: standard_error(values, horizon=1) for name, values in differences.items()}
    return Place(
        rank=0,
        recipe=group[0].recipe,
        seeds=sum(one.seed is not None for one in group),
        values={name: float(values.mean()) for name, values in losses.items() if len(days)},
        errors={name: error for name, error in errors.items() if math.isfinite(error)},
        fit_seconds=statistics.fmean(one.seconds for one in group),
        predict_seconds=statistics.fmean(one.predict_seconds for one in group),
    )


def _order(place: Place) -> tuple[float, float]:
    return place.values.get("wis", math.inf), place.values.get("mse_price", math.inf)
