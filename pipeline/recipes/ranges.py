"""Recipes that forecast a distribution: the published network and the baselines beside it."""

from typing import Final, Literal

from pydantic import Field

from pipeline.recipes.base import Recipe


class BaselineRecipe(Recipe):
    """A range without a network.

    Attributes:
        method: Which rule of pipeline.models.random_walk.
    """

    kind: Literal["baseline"] = "baseline"
    method: Literal["random-walk", "har-range", "ewma-range"]


class RangeRecipe(Recipe):
    """A stacked LSTM over daily features that yields the quantiles of all seven horizons.

    Attributes:
        lookback: Days of features that the network sees.
        units: Units of each LSTM layer.
        members: Networks with different initial weights, averaged.
        epochs: Passes over the training rows.
        batch_size: Rows in a step.
        learning_rate: Adam's, at the start of its cosine decay.
        half_life_days: Age at which a row counts half.
        held_back_days: Newest days that calibrate.
    """

    kind: Literal["range"] = "range"
    lookback: int = Field(default=22, ge=2, le=120)
    units: tuple[int, ...] = (16, 16)
    members: int = Field(default=3, ge=1, le=8)
    epochs: int = Field(default=7, ge=1, le=500)
    batch_size: int = Field(default=256, ge=8)
    learning_rate: float = Field(default=4e-3, gt=0)
    half_life_days: float = Field(default=1000.0, gt=0)
    held_back_days: int = Field(default=180, ge=60, le=200)


RANDOM_WALK: Final = BaselineRecipe(
    name="random-walk",
    title="The last close; its ranges are those of the last 365 days' returns.",
    method="random-walk",
)
HAR_RANGE: Final = BaselineRecipe(
    name="har-range",
    title="Regression of tomorrow's log range on the last day's, week's and month's, by weekday.",
    source="Corsi 2009; Garman and Klass 1980",
    method="har-range",
)
EWMA_RANGE: Final = BaselineRecipe(
    name="ewma-range",
    title="Exponentially weighted daily variance of the range.",
    source="RiskMetrics 1996; Garman and Klass 1980",
    method="ewma-range",
)
RANGE_LSTM: Final = RangeRecipe(
    name="range-lstm",
    title="Stacked LSTM that forecasts the ranges of the next seven closes.",
)
TINY_RANGE: Final = RangeRecipe(
    name="tiny-range",
    title="range-lstm made small enough to fit in about a second: for tests and rehearsals.",
    lookback=5,
    units=(4, 4),
    members=1,
    epochs=2,
    batch_size=512,
    learning_rate=5e-3,
)

RANGE_RECIPES: Final[tuple[Recipe, ...]] = (RANGE_LSTM, HAR_RANGE, EWMA_RANGE, RANDOM_WALK, TINY_RANGE)
