"""What every recipe is: a frozen, named, checked value."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """Base of all recipes; unknown keys and numbers that are not finite are errors.

    Attributes:
        name: Lower case with hyphens, as `range-lstm`.
        kind: `point` (a text's price forecaster), `range` (a fitted distribution) or `baseline`.
        title: One line for people.
        source: Where it comes from.
        choices: What the source leaves open and we decided, a sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
    kind: str
    title: str
    source: str = "coincast"
    choices: tuple[str, ...] = ()

    @property
    def model_id(self) -> str:
        """Hubverse's team-model form, as `coincast-range_lstm`."""
        return f"coincast-{self.name.replace('-', '_')}"

    @property
    def is_baseline(self) -> bool:
        """Whether it is what models are compared with: published as configured, never judged nor registered."""
        return self.kind == "baseline"

    @property
    def digest(self) -> str:
        """sha256 of the recipe's canonical JSON, in hex."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def as_values(self) -> dict[str, Any]:
        """JSON values, for manifests and MLflow parameters."""
        return self.model_dump(mode="json")
