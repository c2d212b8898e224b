"""Recipes that forecast a distribution: the types, and those with a network."""

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field

from pipeline.recipes.base import Recipe

Share = Annotated[float, Field(ge=0, le=1)]


class BaselineRecipe(Recipe):
    """A range without a network.

    Attributes:
        method: Which model of pipeline/models/registry.py.
    """

    is_baseline: ClassVar[bool] = True

    kind: Literal["baseline"] = "baseline"
    method: str = Field(max_length=40)

    @property
    def rule(self) -> str:
        """As `baseline/har-range`."""
        return f"{self.kind}/{self.method}"


class PeerRecipe(Recipe):
    """A range by another library, to be compared with: an extra of the package.

    Attributes:
        method: Which model of pipeline/models/registry.py.
        library: The package that fits it.
    """

    is_peer: ClassVar[bool] = True

    kind: Literal["peer"] = "peer"
    method: str = Field(max_length=40)
    library: Literal["arch", "statsforecast"]

    @property
    def rule(self) -> str:
        """As `peer/garch-t`."""
        return f"{self.kind}/{self.method}"


class NetworkRecipe(Recipe):
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

    lookback: int = Field(default=22, ge=2, le=120)
    units: tuple[int, ...] = (16, 16)
    members: int = Field(default=3, ge=1, le=8)
    epochs: int = Field(default=7, ge=1, le=500)
    batch_size: int = Field(default=256, ge=8)
    learning_rate: float = Field(default=4e-3, gt=0)
    half_life_days: float = Field(default=1000.0, gt=0)
    held_back_days: int = Field(default=180, ge=60, le=200)

    @property
    def window_days(self) -> int:
        """Its lookback."""
        return self.lookback

    @property
    def total_epochs(self) -> int:
        """Of all members."""
        return self.epochs * self.members

    def with_epochs(self, epochs: int) -> Self:
        """Each member's."""
        return self.model_validate(self.model_dump() | {"epochs": epochs})


class RangeRecipe(NetworkRecipe):
    """The network's ranges alone."""

    kind: Literal["range"] = "range"


class MixedRecipe(NetworkRecipe):
    """The network's ranges, mixed with a ridge regression's, and moved one day ahead by what returns take back.

    Attributes:
        lookback: Shorter than alone, and steps fewer and larger: the ridge knows the quarter, and a fit takes a third.
        members: One by default: three were worth no more.
        ridge_penalty: Of the squared coefficients of standardised regressors.
        ridge_shares: Weight of the ridge's quantiles at each horizon, 7 numbers from 0 to 1.
        reversal_share: How much of the expected return moves the quantiles of the first horizon.
    """

    lookback: int = Field(default=12, ge=2, le=120)
    epochs: int = Field(default=8, ge=1, le=500)
    batch_size: int = Field(default=512, ge=8)
    learning_rate: float = Field(default=6e-3, gt=0)
    members: int = Field(default=1, ge=1, le=8)
    ridge_penalty: float = Field(default=200.0, gt=0)
    ridge_shares: Annotated[tuple[Share, ...], Field(min_length=7, max_length=7)] = (
        0.5,
        0.5,
        0.5,
        0.3,
        0.3,
        0.2,
        0.1,
    )
    reversal_share: Share = 0.7


class BlendRecipe(MixedRecipe):
    """All of it learned from the series' own days."""

    kind: Literal["blend"] = "blend"


class PooledRecipe(MixedRecipe):
    """The ridge regression learned from all series of a pool at once, and the pool's mean return is taken back."""

    is_pooled: ClassVar[bool] = True

    kind: Literal["pooled"] = "pooled"


RANGE_LSTM: Final = RangeRecipe(
    name="range-lstm",
    title="Stacked LSTM that forecasts the ranges of the next seven closes.",
)
RANGE_BLEND: Final = BlendRecipe(
    name="range-blend",
    title="Ranges of the next seven closes: half a stacked LSTM's, half a ridge regression's.",
)
POOLED_BLEND: Final = PooledRecipe(
    name="pooled-blend",
    title="range-blend whose ridge regression learns from all configured series, with the market's reversal.",
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
