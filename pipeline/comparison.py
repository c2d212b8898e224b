"""What a recipe and a seed came to, in one form for all kinds of recipes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import DATE, FILLED
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation import evaluate
from pipeline.forecasting import MINIMUM_DAYS
from pipeline.framing import AS_WRITTEN, LEAK_FREE, Framing, Variant
from pipeline.point_fitting import PointFit
from pipeline.point_scores import score_points, score_random_walk
from pipeline.quantiles import FloatArray
from pipeline.recipes.base import Recipe
from pipeline.training import EpochListener

RANDOM_WALK: Final = "random-walk"
_WALK: Final = "random_walk_"
_TABLE: Final = [DATE, "part", "actual", "predicted", "random_walk"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one recipe and seed came to.

    Attributes:
        recipe: Its name.
        variant: `leak-free` or `as-written`.
        setting: Days and units that its scores are in: outcomes of one setting have one random walk.
        seed: None for what has no chance in it.
        metrics: By the names of `point_scores`; what is not defined is absent.
        history: Curves by epoch, as `PointFit.history`; empty for what is not fitted by epochs.
        table: `date`, `part` (`train` or `test`), and `actual`, `predicted`, `random_walk` in quote
            currency; a row a window.
        seconds: How long the fit took.
    """

    recipe: str
    variant: Variant
    setting: str
    seed: int | None
    metrics: Mapping[str, float]
    history: Mapping[str, list[float]] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    seconds: float = 0.0

    @property
    def test(self) -> pd.DataFrame:
        """The rows of `table` that are scored."""
        return self.table[self.table["part"] == "test"]

    @property
    def label(self) -> str:
        """As `lecture-lstm seed 1, as written`."""
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.recipe}{seed}{', as written' if self.variant == AS_WRITTEN else ''}"


def outcome_of(fit: PointFit, *, seconds: float = 0.0) -> Outcome:
    """What a fit came to."""
    framing = fit.framing
    return Outcome(
        recipe=framing.recipe.name,
        variant=framing.variant,
        setting=setting_of(framing),
        seed=fit.seed,
        metrics=score_points(framing, fit.predicted),
        history=fit.history,
        table=_table(framing, framing.to_price(fit.predicted, slice(None))),
        seconds=seconds,
    )


def random_walk_of(framing: Framing) -> Outcome:
    """What the last close comes to on a frame's days, in its units."""
    return Outcome(
        recipe=RANDOM_WALK,
        variant=framing.variant,
        setting=setting_of(framing),
        seed=None,
        metrics=score_random_walk(framing),
        table=_table(framing, framing.last_closes),
    )


def ranges_of(
    recipe: Recipe,
    grid: pd.DataFrame,
    *,
    seed: int,
    time_limit_s: float | None = None,
    on_epoch: EpochListener | None = None,
) -> tuple[Outcome, Outcome]:
    """A `range` or `baseline` recipe judged on the newest fifth of the days, and the random walk beside it.

    Its point forecast is the median. Scaled scores are in units of the training rows' closes.

    Raises:
        TooLittleHistoryError: Too few rows are left for the fit.
        TrainingError: The fit diverged or ran past its limit.
    """
    judged = evaluate(
        recipe,
        grid,
        as_of=grid[DATE].iloc[-1].date(),
        seed=seed,
        test_days=_test_days(grid),
        time_limit_s=time_limit_s,
        on_epoch=on_epoch,
    )
    table = judged.table.assign(part="test")[_TABLE]
    days = table[DATE].dt.date
    setting = (
        f"{len(table)} test days {days.min()} to {days.max()}, fitted up to {judged.model.trained_as_of}, "
        "standard-scaled closes by training rows"
    )
    walk = {k.removeprefix(_WALK): v for k, v in judged.metrics.items() if k.startswith(_WALK)}
    own = {k: v for k, v in judged.metrics.items() if not k.startswith(_WALK)}
    chance = None if recipe.kind == "baseline" else seed
    return (
        Outcome(recipe.name, LEAK_FREE, setting, chance, own, judged.history, table),
        Outcome(
            RANDOM_WALK,
            LEAK_FREE,
            setting,
            None,
            walk | {"skill_vs_random_walk": 0.0},
            table=table.assign(predicted=table["random_walk"]),
        ),
    )


def require_days(recipe: Recipe, grid: pd.DataFrame) -> None:
    """Refuse a `range` or `baseline` recipe that `ranges_of` could not fit, without fitting it.

    Raises:
        TooLittleHistoryError: Too few candles lie before the test days.
    """
    last_fitted = grid[DATE].iloc[-1] - pd.Timedelta(days=_test_days(grid))
    candles = int((~grid[FILLED] & (grid[DATE] <= last_fitted)).sum())
    if candles < MINIMUM_DAYS:
        raise TooLittleHistoryError(
            f"Expected {MINIMUM_DAYS} daily candles before the test days, the newest fifth; got {candles}. "
            "Use a longer file."
        )


def setting_of(framing: Framing) -> str:
    """The test days and the unit of scaled scores, in words."""
    days = framing.dates[framing.parts.test]
    training = f"{framing.parts.test.start} training windows"
    scaler = "all rows" if _sees_all(framing) else "training rows"
    what = "log returns" if framing.recipe.target == "log-return" else "closes"
    return (
        f"{len(days)} test days {min(days)} to {max(days)}, {training} of {framing.recipe.window}, "
        f"{framing.recipe.scaler}-scaled {what} by {scaler}"
    )


def _test_days(grid: pd.DataFrame) -> int:
    """A fifth of a grid's days, for recipes that have no split of their own."""
    days: int = (grid[DATE].iloc[-1] - grid[DATE].iloc[0]).days
    return max(days // 5, 1)


def _table(framing: Framing, predicted: FloatArray) -> pd.DataFrame:
    part = np.full(len(framing.dates), "train", dtype=object)
    part[framing.parts.test] = "test"
    return pd.DataFrame(
        {
            "date": framing.dates,
            "part": part,
            "actual": framing.closes,
            "predicted": predicted,
            "random_walk": framing.last_closes,
        }
    )


def _sees_all(framing: Framing) -> bool:
    leaks = framing.recipe.as_written
    return framing.variant == AS_WRITTEN and leaks is not None and leaks.scaler_rows == "all"
