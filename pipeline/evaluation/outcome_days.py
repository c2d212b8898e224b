"""Outcomes of recipes on the days that all of them have."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.candles.columns import DATE
from pipeline.evaluation.comparison import Outcome
from pipeline.point.framing import Variant
from pipeline.scores.common_days import DayArray, chosen_days


def on_common_days(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """The same outcomes, those of one variant and setting scored on the days that all of them have.

    An outcome that has no forecast on any test day is left as it is, and takes no day from the others.
    """
    common: dict[tuple[Variant, str], DayArray] = {}
    for outcome in outcomes:
        if len(outcome.test):
            key = outcome.variant, outcome.setting
            common[key] = np.intersect1d(common.get(key, outcome.days), outcome.days)
    return tuple(
        scored_on(outcome, common.get((outcome.variant, outcome.setting), outcome.days))
        for outcome in outcomes
    )


def scored_on(outcome: Outcome, days: DayArray) -> Outcome:
    """The outcome scored on these days only; itself where it has no other.

    Raises:
        ValueError: Its metrics cannot be taken again.
    """
    left_out = outcome.scored & ~chosen_days(outcome.table[DATE].to_numpy(), days)
    if not left_out.any():
        return outcome
    if outcome.score is None:
        raise ValueError(f"{outcome.label} cannot be scored on other days than its own")
    numbers = {name: outcome.table[name].mask(left_out) for name in ("predicted", "random_walk")}
    return replace(outcome, metrics=outcome.score(days), table=outcome.table.assign(**numbers))
