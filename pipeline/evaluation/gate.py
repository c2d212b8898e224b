"""May this fit be published? Two questions: is the fit sound, and does its record beat the random walk.

The numbers below are stated, with the error rates they give, in docs/decisions/0003-the-gate.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from pipeline.evaluation.gate_evidence import (
    FEWEST_DAYS,
    Scores,
    common_days,
    measured,
    praise,
    score_figures,
)
from pipeline.models.random_walk import RANDOM_WALK
from pipeline.models.regression import HAR_RANGE

FIT_DAYS: Final = 90
RECORD_DAYS: Final = 365
FIT_TOLERANCE: Final = 0.02
RECORD_TOLERANCE: Final = 0.01
SURE_IT_IS_WORSE: Final = 0.9
SURE_IT_IS_BETTER: Final = 0.8
MOST_DIFFERENCE: Final = 1.0
LEAST_RESPONSE: Final = 0.15
MOST_DISTANCE: Final = 0.03
FEWEST_REFERENCES: Final = 5
REFERENCE_ALLOWANCE: Final = 0.025
# The figures that a recipe's reference distribution is told by, and how a refusal calls them.
REFERENCE_FIGURES: Final = {
    "fit_to_har_range": "score against har-range",
    "fit_distance_to_har_range": "distance from har-range",
}
_HELD: Final = "A rollback put the champion back: it stays until `coincast models promote` names a version."
CONFIGURED: Final = (
    "The recipe is a baseline: it is published as configured, and there is no model for the gate to judge."
)
RANDOM_WALK_ID: Final = RANDOM_WALK.model_id
HAR_RANGE_ID: Final = HAR_RANGE.model_id


@dataclass(frozen=True)
class Roles:
    """Who they are.

    Attributes:
        candidate: Model id of the fit's recipe.
        champion: Of the champion's; None where there is none.
        published: Of what was published last; None before the first time.
        held: Whether a rollback put the champion back: then it stays until a person promotes.
    """

    candidate: str
    champion: str | None = None
    published: str | None = None
    held: bool = False


@dataclass(frozen=True)
class FitShape:
    """What a fit's ranges look like, scores aside.

    Attributes:
        difference: Of the fit on all rows from the judged one, by `fit_difference`.
        response: Of the judged one on the days that it did not see, by `response`.
    """

    difference: float = 0.0
    response: float = 1.0


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes:
        promote: Whether the candidate becomes champion.
        publish: Model id whose forecasts are published. Where it is the champion's and `promote` is False,
            the former champion's version is meant, also when both are of one recipe.
        reasons: A sentence each, refusals first.
        figures: The numbers behind them, by name; ratios of mean scores, below 1 is better than the other.
    """

    promote: bool
    publish: str
    reasons: tuple[str, ...]
    figures: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """JSON values, for the artifact and the page."""
        return {**asdict(self), "reasons": list(self.reasons)}

    def as_tags(self) -> dict[str, str]:
        """The tag set of the run and of the model version; of the numbers those that later fits are held against."""
        return {
            "gate": "promoted" if self.promote else "refused",
            "gate_publish": self.publish,
            "gate_reasons": " ".join(self.reasons),
            **{
                f"gate_{name}": f"{self.figures[name]:.6g}"
                for name in ("fit_sound", *REFERENCE_FIGURES)
                if name in self.figures
            },
        }


def decide(
    fit: Scores,
    record: Scores,
    *,
    roles: Roles,
    shape: FitShape,
    reference: Sequence[Mapping[str, float]] = (),
    seed: int = 0,
) -> Decision:
    """Whether the candidate becomes champion, and whose forecasts are published.

    Args:
        fit: The newest 90 days under fits that did not see them.
        record: The newest 365 days of forecasts issued before their targets.
        roles: Who they are.
        shape: What the fit's ranges look like.
        reference: `figures` of earlier decisions on the candidate's recipe whose `fit_sound` is 1; fewer than five
            are not used.
        seed: Of the bootstrap.

    Returns:
        The decision; scores that are not there or not finite refuse the candidate.
    """
    fit, record = common_days(fit, FIT_DAYS), common_days(record, RECORD_DAYS)
    figures = {f"fit_{name}": float(value) for name, value in vars(shape).items()}
    figures |= score_figures("fit", fit, seed) | score_figures("record", record, seed)
    faults = _unsound(figures, roles, reference)
    figures["fit_sound"] = float(not faults)
    refusals = [*faults, *_bad_record(figures, roles), *([_HELD] if roles.held else [])]
    publish = roles.candidate if not refusals else _best_of_the_rest(figures, roles)
    reasons = (
        *refusals,
        *([] if refusals else [praise(figures, champion=roles.champion)]),
        _outcome(publish, roles, promoted=not refusals),
    )
    finite = {name: value for name, value in figures.items() if math.isfinite(value)}
    return Decision(promote=not refusals, publish=publish, reasons=reasons, figures=finite)


def _unsound(
    figures: Mapping[str, float], roles: Roles, reference: Sequence[Mapping[str, float]]
) -> list[str]:
    """What is wrong with this fit."""
    if figures["fit_days"] < FEWEST_DAYS:
        return [f"The fit could be judged on {figures['fit_days']:.0f} days; {FEWEST_DAYS} are needed."]
    faults = []
    for other, name in ((roles.champion, "fit_to_champion"), (RANDOM_WALK_ID, "fit_to_random_walk")):
        if _worse(figures, name, FIT_TOLERANCE):
            faults.append(_worse_than(other or "", figures, name, "it did not see"))
    if not figures["fit_difference"] <= MOST_DIFFERENCE:
        faults.append(
            f"The fit on all rows lies {measured(figures['fit_difference'])} range widths from the judged one;"
            f" at most {MOST_DIFFERENCE} is believed."
        )
    if not figures["fit_response"] >= LEAST_RESPONSE:
        faults.append(
            f"Its ranges do not follow the market: they move {measured(figures['fit_response'])} times as much as"
            f" those of har-range, at least {LEAST_RESPONSE} is asked."
        )
    return [*faults, *_unlike_itself(figures, roles, reference)]


def _unlike_itself(
    figures: Mapping[str, float], roles: Roles, reference: Sequence[Mapping[str, float]]
) -> list[str]:
    """Where the fit differs from what its recipe gives: fits of one recipe resemble each other day by day."""
    faults = []
    distance = figures.get("fit_distance_to_champion", 0.0)
    if roles.candidate == roles.champion and distance > MOST_DISTANCE:
        faults.append(
            f"Its daily scores lie {distance:.1%} from those of the same recipe fitted for the champion;"
            f" at most {MOST_DISTANCE:.0%} is believed."
        )
    for name, words in REFERENCE_FIGURES.items():
        usual = [past[name] for past in reference if name in past]
        if len(usual) >= FEWEST_REFERENCES and figures[name] > (most := _reference_limit(usual)):
            faults.append(
                f"Its {words} is {figures[name]:.3f}; the recipe's reference distribution ends at {most:.3f}."
            )
    return faults


def _reference_limit(usual: Sequence[float]) -> float:
    """Median plus four robust deviations, at least the allowance."""
    centre = float(np.median(usual))
    deviation = 1.4826 * float(np.median(np.abs(np.array(usual) - centre)))
    return centre + max(REFERENCE_ALLOWANCE, 4 * deviation)


def _bad_record(figures: Mapping[str, float], roles: Roles) -> list[str]:
    """What the record says against the candidate."""
    if figures["record_days"] < FEWEST_DAYS:
        return [f"The record has {figures['record_days']:.0f} days; {FEWEST_DAYS} are needed."]
    faults = []
    if _worse(figures, "record_to_champion", RECORD_TOLERANCE):
        faults.append(_worse_than(roles.champion or "", figures, "record_to_champion", "of record"))
    if not _beats(figures, "record_to_random_walk", known=roles.published == roles.candidate):
        faults.append(
            f"On {figures['record_days']:.0f} days of record it does not beat the random walk:"
            f" {figures['record_to_random_walk']:.3f} of its score,"
            f" {1 - figures['record_to_random_walk_sure']:.0%} sure to be below 1."
        )
    return faults


def _worse(figures: Mapping[str, float], name: str, tolerance: float) -> bool:
    """Worse beyond the tolerance, and not by chance."""
    if name not in figures:
        return False
    return figures[name] > 1 + tolerance and figures[f"{name}_sure"] >= SURE_IT_IS_WORSE


def _beats(figures: Mapping[str, float], name: str, *, known: bool) -> bool:
    """Better than the random walk: surely at first, and on the mean as long as it is published."""
    if name not in figures or not figures[name] < 1:
        return False
    return known or 1 - figures[f"{name}_sure"] >= SURE_IT_IS_BETTER


def _best_of_the_rest(figures: Mapping[str, float], roles: Roles) -> str:
    champion = roles.champion
    # The record of the champion's recipe is the candidate's where they are of one recipe.
    of_champion = "to" if champion == roles.candidate else "champion_to"
    for model, name in (
        (champion, f"record_{of_champion}_random_walk"),
        (HAR_RANGE_ID, "record_har_range_to_random_walk"),
    ):
        if model is not None and _beats(figures, name, known=roles.published == model):
            return model
    return RANDOM_WALK_ID


def _worse_than(other: str, figures: Mapping[str, float], name: str, days: str) -> str:
    count = figures[f"{name.partition('_')[0]}_days"]
    return (
        f"On {count:.0f} days {days} it is worse than {other}: {figures[name]:.3f} of its score,"
        f" {figures[f'{name}_sure']:.0%} sure."
    )


def _outcome(publish: str, roles: Roles, *, promoted: bool) -> str:
    if publish == RANDOM_WALK_ID:
        return "Nothing beats the random walk: the random walk is published."
    if publish == roles.champion and not promoted:
        return f"The champion stays: {publish}."
    instead = f" in place of {roles.champion}" if promoted and roles.champion not in (None, publish) else ""
    return f"Published: {publish}{instead}."
