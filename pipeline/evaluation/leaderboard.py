"""Outcomes of recipes over seeds, ranked beside the random walk on the same days."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline.evaluation.comparison import RANDOM_WALK, Outcome
from pipeline.evaluation.outcome_days import on_common_days
from pipeline.forecasts.quantiles import FloatArray
from pipeline.point.framing import Variant
from pipeline.scores.formulas import FEWEST_TESTED, diebold_mariano, p_in_words
from pipeline.scores.metrics import SKILL

# Of a test with this many false alarms in a hundred.
SIGNIFICANT: Final = 0.05
NO_COMMON_DAY: Final = "no common day: it cannot be compared"
_UNTESTED: Final = "(no test possible: too few days, or the same difference on each)"


@dataclass(frozen=True)
class Spread:
    """Mean over seeds and their standard deviation (n − 1); no spread with one seed."""

    mean: float
    spread: float | None

    def __str__(self) -> str:
        return f"{self.mean:.4g}" if self.spread is None else f"{self.mean:.4g} ± {self.spread:.2g}"


@dataclass(frozen=True)
class Standing:
    """A recipe's place among those of its variant.

    Attributes:
        rank: From 1, by skill against the random walk.
        recipe: Its name.
        variant: `leak-free` or `as-written`.
        setting: As `Outcome.setting_in_words`: on how many of which days it is compared.
        seeds: Of its outcomes, in order.
        metrics: Mean and spread over seeds.
        p: Two-sided p of the Diebold–Mariano test on squared errors in price, averaged over seeds by day;
            None for the random walk itself, and where no test is possible: fewer than 30 days, or losses
            that differ by the same on every day.
        verdict: The same in words.
    """

    rank: int
    recipe: str
    variant: Variant
    setting: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, Spread]
    p: float | None
    verdict: str

    def as_values(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "rank": self.rank,
            "recipe": self.recipe,
            "variant": self.variant,
            "setting": self.setting,
            "seeds": list(self.seeds),
            "metrics": {name: {"mean": s.mean, "spread": s.spread} for name, s in self.metrics.items()},
            "diebold_mariano_p": self.p,
            "verdict": self.verdict,
        }


def rank(outcomes: Sequence[Outcome]) -> tuple[Standing, ...]:
    """Standings of one variant, best skill first, those of one setting on the days that all of them forecast."""
    compared = on_common_days(outcomes)

    def key(outcome: Outcome) -> tuple[str, str]:
        return outcome.recipe, outcome.setting

    groups = [list(group) for _, group in groupby(sorted(compared, key=key), key=key)]
    groups.sort(key=lambda group: -_mean(group, SKILL.name))
    return tuple(_standing(group, place) for place, group in enumerate(groups, start=1))


def in_words(skill: float, p: float | None) -> str:
    """Whether a recipe is better than the random walk, with the evidence.

    Args:
        skill: Against the random walk; exactly 0 where the losses are equal.
        p: Of the Diebold–Mariano test; None where no test is possible.
    """
    if p is None and skill == 0:
        return "the same as the random walk"
    evidence = _UNTESTED if p is None else f"(Diebold–Mariano {p_in_words(p)})"
    if p is not None and p < SIGNIFICANT:
        return f"{'better' if skill > 0 else 'not better: worse'} than the random walk {evidence}"
    if skill > 0:
        return f"lower error than the random walk on these days, but not beyond chance {evidence}"
    return f"not better than the random walk {evidence}"


def _standing(group: Sequence[Outcome], place: int) -> Standing:
    first = next((outcome for outcome in group if len(outcome.test)), group[0])
    p = None if first.recipe == RANDOM_WALK else _significance(group)
    return Standing(
        rank=place,
        recipe=first.recipe,
        variant=first.variant,
        setting=first.setting_in_words,
        seeds=tuple(sorted(outcome.seed for outcome in group if outcome.seed is not None)),
        metrics=_spreads(group),
        p=p,
        verdict=_verdict(first, _mean(group, SKILL.name), p),
    )


def _verdict(outcome: Outcome, skill: float, p: float | None) -> str:
    if not len(outcome.test):
        return NO_COMMON_DAY
    return "the baseline" if outcome.recipe == RANDOM_WALK else in_words(skill, p)


def _spreads(group: Sequence[Outcome]) -> dict[str, Spread]:
    spreads = {}
    for name in dict.fromkeys(name for outcome in group for name in outcome.metrics):
        values = [outcome.metrics[name] for outcome in group if name in outcome.metrics]
        spreads[name] = Spread(
            statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
        )
    return spreads


def _significance(group: Sequence[Outcome]) -> float | None:
    tests = [outcome.test for outcome in group if len(outcome.test)]
    if not tests:
        return None
    losses = np.mean([_squared_errors(test, "predicted") for test in tests], axis=0)
    p = diebold_mariano(losses, _squared_errors(tests[0], "random_walk"), fewest=FEWEST_TESTED).p
    return p if math.isfinite(p) else None


def _squared_errors(table: pd.DataFrame, column: str) -> FloatArray:
    return np.asarray((table[column] - table["actual"]) ** 2, dtype=np.float64)


def _mean(group: Sequence[Outcome], name: str) -> float:
    values = [outcome.metrics[name] for outcome in group if name in outcome.metrics]
    return statistics.fmean(values) if values else -math.inf
