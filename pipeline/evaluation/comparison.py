"""What a recipe and a seed came to, in one form for all kinds of recipes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import DATE, FILLED
from pipeline.evaluation.holdout import Sample, evaluate, require_days
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.callbacks import EpochListener
from pipeline.models.fitting import MINIMUM_DAYS
from pipeline.models.random_walk import RANDOM_WALK as WALK
from pipeline.models.registry import is_seeded
from pipeline.point.fitting import PointFit
from pipeline.point.framing import AS_WRITTEN, LEAK_FREE, Framing, Variant
from pipeline.point.scores import score_points, score_random_walk
from pipeline.recipes.base import Recipe
from pipeline.scores.common_days import BoolArray, DayArray, Score, chosen_days, common_cells
from pipeline.scores.metrics import SKILL

RANDOM_WALK: Final = WALK.name
_WALK: Final = "random_walk_"
_TABLE: Final = [DATE, "part", "actual", "predicted", "random_walk", "wis"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one recipe and seed came to.

    Attributes:
        recipe: Its name.
        variant: `leak-free` or `as-written`.
        setting: Days and units that it could be scored in: outcomes of one setting are compared.
        seed: None for what has no chance in it.
        metrics: By the names of the table of metrics, of the days whose row of `table` is whole; what is not defined is
            absent.
        history: Curves by epoch, as `PointFit.history`; empty for what is not fitted by epochs.
        table: `date`, `part` (`train` or `test`), and `actual`, `predicted`, `random_walk` in quote
            currency, and `wis` of what forecasts a range; a row a window. `predicted` and `random_walk` are NaN where
            the row is not scored.
        seconds: How long the fit took.
        predict_seconds: How long its forecasts took.
        score: Gives the metrics of some of these days; None where they cannot be taken again.
    """

    recipe: str
    variant: Variant
    setting: str
    seed: int | None
    metrics: Mapping[str, float]
    history: Mapping[str, list[float]] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    seconds: float = 0.0
    predict_seconds: float = 0.0
    score: Score | None = field(default=None, repr=False)

    @property
    def test(self) -> pd.DataFrame:
        """The rows of `table` that are scored."""
        return self.table[(self.table["part"] == "test") & self.scored]

    @property
    def scored(self) -> BoolArray:
        """Which rows of `table` have a forecast that counts."""
        return common_cells(self.table[["predicted", "random_walk"]].to_numpy(dtype=float))

    @property
    def days(self) -> DayArray:
        """The target days of these rows."""
        return self.table[DATE].to_numpy().astype("datetime64[D]")[self.scored]

    @property
    def setting_in_words(self) -> str:
        """The setting, and on how many of its days it is scored where that is not all: `37 of 137 test days …`."""
        scored, asked = len(self.test), int((self.table["part"] == "test").sum())
        return self.setting if scored == asked else f"{scored or 'none'} of {self.setting}"

    @property
    def label(self) -> str:
        """As `lecture-lstm seed 1, as written`."""
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.recipe}{seed}{', as written' if self.variant == AS_WRITTEN else ''}"


def outcome_of(fit: PointFit, *, seconds: float = 0.0) -> Outcome:
    """What a fit came to.

    Args:
        fit: With what it predicts.
        seconds: What fit and prediction took together.
    """
    framing = fit.framing
    return Outcome(
        recipe=framing.recipe.name,
        variant=framing.variant,
        setting=setting_of(framing),
        seed=fit.seed,
        metrics=score_points(framing, fit.predicted),
        history=fit.history,
        table=_table(framing, framing.to_price(fit.predicted, slice(None))),
        seconds=max(seconds - fit.predict_seconds, 0.0),
        predict_seconds=fit.predict_seconds,
        score=partial(_score_points, framing, fit.predicted),
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
        score=partial(_score_random_walk, framing),
    )


def ranges_of(
    recipe: Recipe,
    grid: FeatureGrid,
    *,
    seed: int,
    time_limit_s: float | None = None,
    on_epoch: EpochListener | None = None,
) -> tuple[Outcome, Outcome]:
    """A `range` or `baseline` recipe judged on the newest fifth of the days, and the random walk beside it.

    Its point forecast is the median. Scaled scores are in units of the training rows' closes. It is scored on the days
    that both forecast, the random walk on all that it does; `on_common_days` scores them on the same.

    Raises:
        TooLittleHistoryError: There are too few candles.
        TrainingError: The fit diverged or ran past its limit.
    """
    require_days(grid.table)
    judged = evaluate(
        recipe,
        grid,
        as_of=grid.last_day,
        seed=seed,
        test_days=_test_days(grid.table),
        time_limit_s=time_limit_s,
        on_epoch=on_epoch,
    )
    table = judged.table.assign(part="test")[_TABLE]
    days = table[DATE].dt.date
    setting = (
        f"{len(table)} test days {days.min()} to {days.max()}, fitted up to {judged.model.trained_as_of}, "
        "standard-scaled closes by training rows"
    )
    walk = judged.sample.random_walk
    walked = walk.table().assign(part="test")
    own_score, walk_score = partial(_own_scores, judged.sample), partial(_walk_scores, walk)
    return (
        Outcome(
            recipe=recipe.name,
            variant=LEAK_FREE,
            setting=setting,
            seed=seed if is_seeded(recipe) else None,
            metrics=own_score(),
            history=judged.history,
            table=table,
            seconds=judged.fit_seconds,
            predict_seconds=judged.predict_seconds,
            score=own_score,
        ),
        Outcome(
            recipe=RANDOM_WALK,
            variant=LEAK_FREE,
            setting=setting,
            seed=None,
            metrics=walk_score(),
            table=walked.assign(predicted=walked["random_walk"])[_TABLE],
            score=walk_score,
        ),
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


def _score_points(framing: Framing, predicted: FloatArray, days: DayArray) -> dict[str, float]:
    return score_points(framing, predicted, chosen=chosen_days(framing.dates, days))


def _score_random_walk(framing: Framing, days: DayArray) -> dict[str, float]:
    return score_random_walk(framing, chosen=chosen_days(framing.dates, days))


def _own_scores(sample: Sample, days: DayArray | None = None) -> dict[str, float]:
    return {name: value for name, value in sample.metrics(days).items() if not name.startswith(_WALK)}


def _walk_scores(sample: Sample, days: DayArray | None = None) -> dict[str, float]:
    """The random walk's, whose skill against itself is 0."""
    metrics = sample.metrics(days)
    walk = {name.removeprefix(_WALK): value for name, value in metrics.items() if name.startswith(_WALK)}
    still = {SKILL.name: 0.0} if metrics["test_days"] else {}
    return {"test_days": metrics["test_days"]} | walk | still


def _test_days(grid: pd.DataFrame) -> int:
    """A fifth of a grid's days, or fewer that leave enough to fit, for recipes that have no split of their own."""
    last = grid[DATE].iloc[-1]
    enough = grid[DATE][~grid[FILLED]].iloc[MINIMUM_DAYS - 1]
    days: int = min((last - grid[DATE].iloc[0]).days // 5, (last - enough).days)
    return days


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
