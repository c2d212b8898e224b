"""What every recipe is: a frozen, named, checked value."""

import hashlib
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """Base of all recipes; unknown keys and numbers that are not finite are errors.

    Attributes:
        name: Lower case with hyphens, as `range-lstm`.
        kind: `point` (a text's price forecaster), `range` and `blend` (a fitted distribution), `baseline` or `peer`.
        title: One line for people.
        source: Where it comes from.
        choices: What the source leaves open and we decided, a sentence each.
        is_baseline: Whether it is one of those that stand beside every forecast: published as configured, never
            judged nor registered.
        is_pooled: Whether one fit learns from several series.
        is_peer: Whether another library fits it: it is compared with, and never issued.
    """

    is_baseline: ClassVar[bool] = False
    is_pooled: ClassVar[bool] = False
    is_peer: ClassVar[bool] = False

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
    kind: str
    title: str
    source: str = "coincast"
    choices: tuple[str, ...] = ()

    @property
    def model_id(self) -> str:
        """Hubverse's team-model form, as `coincast-range_lstm`."""
        return model_id_of(self.name)

    @property
    def rule(self) -> str:
        """What is fitted: the kind, and the method where a kind has several."""
        return self.kind

    @property
    def window_days(self) -> int:
        """Days of features that a forecast's network sees; 0 without one."""
        return 0

    @property
    def total_epochs(self) -> int | None:
        """Epochs of a fit; None for what is not fitted by epochs."""
        return None

    @property
    def tells_a_leak(self) -> bool:
        """Whether it can be fitted as written: its text tells a leak."""
        return False

    def with_epochs(self, epochs: int) -> Self:
        """The recipe with other epochs, for a quick look; as it is where it has none."""
        return self

    @property
    def digest(self) -> str:
        """sha256 of the recipe's canonical JSON, in hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def as_values(self) -> dict[str, Any]:
        """JSON values, for manifests and MLflow parameters."""
        return self.model_dump(mode="json")


def model_id_of(name: str) -> str:
    """The model_id of the recipe called `name`."""
    return f"coincast-{name.replace('-', '_')}"
