"""A sweep's runs in MLflow: what was tried is read back from there, so a killed sweep goes on where it was."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from flows.edges.tracking.experiments import Experiment, resumed_run
from flows.edges.tracking.run import Run, RunRecord
from flows.inputs.history import History
from flows.studies.recipe_runs import fit_watched, frame_of, log_outcome, log_recipe, study_run, verdict_tags
from pipeline.errors import InputError
from pipeline.evaluation.comparison import Outcome, outcome_of
from pipeline.evaluation.outcome_days import scored_on
from pipeline.point.framing import LEAK_FREE, Cut, Framing, frame
from pipeline.point.sweeping import Sampler, Tried, name_of, shared_days, validation_scores
from pipeline.point.variation import Settings, variation
from pipeline.recipes.point import PointRecipe
from pipeline.scores.common_days import DayArray
from pipeline.scores.metrics import SKILL

SCORE: Final = f"validation_{SKILL.name}"
# The two that are judged on the test rows.
CHOSEN: Final = "chosen"
AS_GIVEN: Final = "as given"
_TRIAL: Final = "sweep-trial"
_RESULT: Final = "sweep-result"


@dataclass(frozen=True, eq=False)
class Sweep:
    """What is swept.

    Attributes:
        given: The recipe as given.
        recipe: The same with the validation fraction of the sweep: what is varied.
        cut: The days at which every variation's validation and test begin.
        days: The target days that every variation and the recipe as given have: they are scored on these.
        vary: Settings and their values.
        sampler: How the next variation is found.
        seed: Of every fit and of the sampler.
        time_limit_s: Seconds for each fit.
        history: The candles.
        experiment: Where the runs lie.
    """

    given: PointRecipe
    recipe: PointRecipe
    cut: Cut
    days: DayArray
    vary: Mapping[str, tuple[str, ...]]
    sampler: Sampler
    seed: int
    time_limit_s: float | None
    history: History
    experiment: Experiment

    @property
    def id(self) -> str:
        """The same for the same recipe, settings, candles and seed: by it a sweep is found again."""
        what = (self.given.digest, self.recipe.digest, dict(self.vary), self.sampler, self.seed)
        where = (self.history.sha256, str(self.history.as_of))
        return hashlib.sha256(json.dumps([what, where]).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """As `sweep guide-lstm by window, optimizer 2026-03-29`."""
        return f"sweep {self.recipe.name} by {', '.join(self.vary)} {self.history.as_of}"

    def tags(self, kind: str) -> dict[str, object]:
        """What every run of the sweep says beside `study_tags`."""
        return {
            "kind": kind,
            "sweep": self.id,
            "recipe": self.given.name,
            "variant": LEAK_FREE,
            "seed": self.seed,
            "optuna": version("optuna") if self.sampler == "tpe" else None,
        }

    def records(self, kind: str) -> list[RunRecord]:
        """Its runs of a kind, oldest first."""
        return list(reversed(self.experiment.find_runs(tags={"kind": kind, "sweep": self.id})))


def compared_days(
    given: PointRecipe, variations: Sequence[PointRecipe], *, history: History, cut: Cut
) -> DayArray:
    """`Sweep.days`: those that the recipe as given and each of the variations have.

    Raises:
        TooLittleHistoryError: They share no validation day or no test day.
    """
    framings = (frame(one, history.grid, cut=cut) for one in variations)
    return shared_days([frame_of(given, history), *framings], cut=cut)


@contextmanager
def parent_run(sweep: Sweep) -> Iterator[Run]:
    """The sweep's parent run, gone on with if there is one."""
    earlier = sweep.records("sweep")
    if earlier:
        _require_same_sampler(sweep, earlier[-1])
        with resumed_run(sweep.experiment, earlier[-1]) as run:
            yield run
    else:
        with study_run(sweep.experiment, sweep.name, sweep.history, tags=sweep.tags("sweep")) as run:
            log_recipe(run, sweep.recipe, vary=dict(sweep.vary), sampler=sweep.sampler)
            yield run


def _require_same_sampler(sweep: Sweep, earlier: RunRecord) -> None:
    """Another Optuna tries other settings from the same seed: half a sweep of each would be neither.

    Raises:
        InputError: The sweep was begun with another version of it.
    """
    then, now = earlier.tags.get("optuna", ""), version("optuna")
    if sweep.sampler == "tpe" and then.split(".")[0] != now.split(".")[0]:
        raise InputError(
            f"The sweep was begun with Optuna {then or 'of an unknown version'} and this is {now}, whose sampler tries"
            " other settings; install the former, or begin another sweep with another --seed."
        )


def tried_before(sweep: Sweep) -> tuple[Tried, ...]:
    """Variations that were fitted or that failed; those cut off by a kill are tried again.

    So are those that ran past their limit, until the sweep is judged: the choice is made then.
    """
    final = _result_of(sweep, CHOSEN) is not None
    done: dict[str, Tried] = {}
    for record in sweep.records(_TRIAL):
        error, _, reason = record.tags.get("failure", "").partition(": ")
        failed = error == "TrainingError" or (final and error == "TimeLimitError")
        if record.status == "FINISHED" or failed:
            settings = record.tags["settings"]
            done[settings] = Tried(json.loads(settings), record.metrics.get(SCORE), reason)
    return tuple(done.values())


def require_one_choice(sweep: Sweep, *, trials: int) -> None:
    """Refuse more trials once the chosen variation was judged: another choice would look at the test rows again.

    Raises:
        InputError: The sweep was judged after fewer trials than are asked for.
    """
    tried = tried_before(sweep)
    if len(tried) < trials and _result_of(sweep, CHOSEN) is not None:
        raise InputError(
            f"This sweep chose among {len(tried)} variations and was judged on the test rows, which is done once; "
            f"{trials} were asked for. Ask for --trials {len(tried)} to see its result, or start another --seed."
        )


def try_variation(sweep: Sweep, settings: Settings, parent: Run) -> Tried:
    """Fit a variation and score it on the validation rows; the test rows are not looked at.

    Raises:
        TrainingError: The fit diverged or ran past its limit; its run says so.
    """
    tags = sweep.tags(_TRIAL) | {"settings": json.dumps(settings)}
    tags |= {f"setting.{setting}": value for setting, value in settings.items()}
    recipe = variation(sweep.recipe, settings)
    name = name_of(settings)
    with study_run(sweep.experiment, name, sweep.history, tags=tags, parent=parent) as run:
        log_recipe(run, recipe, seed=sweep.seed)
        framing = frame(recipe, sweep.history.grid, cut=sweep.cut)
        started = time.perf_counter()
        fit = fit_watched(framing, seed=sweep.seed, time_limit_s=sweep.time_limit_s)
        scores = validation_scores(framing, fit.predicted, days=sweep.days)
        run.log_metrics(scores | {"fit_seconds": time.perf_counter() - started})
        for curve, values in fit.history.items():
            run.log_curve(f"epoch_{curve}", values)
    return Tried(settings, scores.get(SCORE))


def judge(sweep: Sweep, role: str, settings: Settings, parent: Run) -> dict[str, Any]:
    """The test scores of a variation: taken once, and read back ever after.

    Raises:
        TrainingError: The fit diverged or ran past its limit; its run says so, and no test score was taken.
    """
    record = _result_of(sweep, role)
    if record is not None and record.tags["settings"] == json.dumps(settings):
        return _judged(record.metrics, record.tags)
    tags = sweep.tags(_RESULT) | {"settings": json.dumps(settings), "role": role}
    name = f"{role} on the test rows"
    with study_run(sweep.experiment, name, sweep.history, tags=tags, parent=parent) as run:
        framing = _judged_framing(sweep, role, settings)
        log_recipe(run, framing.recipe, seed=sweep.seed)
        started = time.perf_counter()
        fit = fit_watched(framing, seed=sweep.seed, time_limit_s=sweep.time_limit_s)
        outcome = _on_compared_days(outcome_of(fit, seconds=time.perf_counter() - started), sweep)
        log_outcome(run, outcome)
    return _judged(outcome.metrics, tags | verdict_tags(outcome))


def _judged_framing(sweep: Sweep, role: str, settings: Settings) -> Framing:
    """The given recipe's own frame, as `train` has it; a variation's with all training windows to fit.

    A variation with patience keeps its validation rows out of the fit, for they end it.
    """
    if role == AS_GIVEN:
        return frame_of(sweep.given, sweep.history)
    recipe = variation(sweep.recipe, settings)
    stops_early = recipe.fitting.patience is not None
    cut = sweep.cut if stops_early else Cut(validation=sweep.cut.test, test=sweep.cut.test)
    return frame(recipe, sweep.history.grid, cut=cut)


def _on_compared_days(outcome: Outcome, sweep: Sweep) -> Outcome:
    """Scored on the test days that every variation has; what was learned from is another matter."""
    learned = outcome.table.loc[outcome.table["part"] == "train", "date"].to_numpy()
    return scored_on(outcome, np.union1d(learned.astype("datetime64[D]"), sweep.days))


def _result_of(sweep: Sweep, role: str) -> RunRecord | None:
    """The run in which a role was judged, where it was."""
    judged = (record for record in sweep.records(_RESULT) if record.status == "FINISHED")
    return next((record for record in judged if record.tags["role"] == role), None)


def _judged(metrics: Mapping[str, float], tags: Mapping[str, Any]) -> dict[str, Any]:
    p = tags.get("diebold_mariano_p")
    return {
        "role": tags["role"],
        "settings": json.loads(tags["settings"]),
        "metrics": {name: metrics[name] for name in metrics if name.startswith(("test_", SKILL.name))},
        "diebold_mariano_p": None if p is None else float(p),
        "verdict": tags["verdict"],
        "setting": tags["setting"],
    }
