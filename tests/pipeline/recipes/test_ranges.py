"""A name stands for one recipe for ever: what was published under it must be made again."""

from typing import Any

import pytest

from pipeline.models.catalogue import find_recipe

_SHARED = {
    "units": (16, 16),
    "half_life_days": 1000.0,
    "held_back_days": 180,
    "source": "coincast",
    "choices": (),
}
PUBLISHED = {
    "range-lstm": _SHARED
    | {"kind": "range", "lookback": 22, "members": 3, "epochs": 7, "batch_size": 256, "learning_rate": 4e-3},
    "range-blend": _SHARED
    | {"kind": "blend", "lookback": 12, "members": 1, "epochs": 8, "batch_size": 512, "learning_rate": 6e-3}
    | {"ridge_penalty": 200.0, "ridge_shares": (0.5, 0.5, 0.5, 0.3, 0.3, 0.2, 0.1), "reversal_share": 0.7},
}


@pytest.mark.parametrize(("name", "values"), PUBLISHED.items())
def test_what_is_changed_takes_a_new_name(name: str, values: dict[str, Any]) -> None:
    recipe = find_recipe(name).model_dump()
    assert {key: value for key, value in recipe.items() if key not in ("name", "title")} == values
