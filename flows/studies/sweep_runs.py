"""A sweep's runs in MLflow: what was tried is read back from there, so a killed sweep goes on where it was."""

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar, Final

from flows.edges.tracking.experiments import Experiment, resumed_run
from flows.edges.tracking.run import Run, RunRecord
from flows.inputs.history import History
from flows.studies.recipe_runs import log_recipe, study_run
from pipeline.errors import InputError
from pipeline.point.framing import LEAK_FREE
from pipeline.point.sweeping import Sampler, Tried, name_of
from pipeline.point.variation import Settings
from pipeline.recipes.base import Recipe

# The two that are judged on days that nothing was chosen by.
CHOSEN: Final = "chosen"
AS_GIVEN: Final = "as given"
_TRIAL: Final = "sweep-trial"
_RESULT: Final = "sweep-result"


@dataclass(frozen=True, eq=False)
class Sweep(ABC):
    """What is swept; how a variation is fitted and scored is said by the two kinds of it.

    Attributes:
        given: The recipe as given.
        vary: Settings and their values.
        sampler: How the next variation is found.
        seed: Of every fit and of the sampler.
        time_limit_s: Seconds for each fit.
        history: The candles.
        experiment: Where the runs lie.
        score_name: The metric that is chosen by.
        lower_is_better: Whether the lowest is chosen.
        judged_on: What the chosen one is judged on, in words.
    """

    score_name: ClassVar[str]
    lower_is_better: ClassVar[bool]
    judged_on: ClassVar[str]

    given: Recipe
    vary: Mapping[str, tuple[str, ...]]
    sampler: Sampler
    seed: int
    time_limit_s: float | None
    history: History
    experiment: Experiment

    @abstractmethod
    def variation(self, settings: Settings) -> Recipe:
        """The recipe that is fitted to be scored.

        Raises:
            InputError: A value is not one that its setting can have.
        """

    @abstractmethod
    def validation(self) -> dict[str, Any]:
        """JSON values: the `first` of the days to choose by, the day `before` which they lie, and how many `days`."""

    @abstractmethod
    def try_one(self, recipe: Recipe, run: Run) -> dict[str, float]:
        """Fit a variation and score it on the days to choose by.

        Raises:
            TrainingError: The fit diverged or ran past its limit.
        """

    @abstractmethod
    def judge_one(
        self, role: str, settings: Settings, run: Run
    ) -> tuple[dict[str, float], dict[str, object]]:
        """Fit and score on the days kept back, and log it: its metrics and tags, `verdict` and `setting` among them.

        Raises:
            TrainingError: The fit diverged or ran past its limit.
        """

    @abstractmethod
    def identity(self) -> list[object]:
        """JSON values of what the scores depend on beside recipe, settings, candles and seed."""

    @property
    def id(self) -> str:
        """The same for the same recipe, settings, candles and seed: by it a sweep is found again."""
        what = (self.given.digest, *self.identity(), dict(self.vary), self.sampler, self.seed)
        where = (self.history.sha256, str(self.history.as_of))
        return hashlib.sha256(json.dumps([what, where]).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """As `sweep guide-lstm by window, optimizer 2026-03-29`."""
        return f"sweep {self.given.name} by {', '.join(self.vary)} {self.history.as_of}"

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

    def tried(self, settings: Settings, metrics: Mapping[str, float], failure: str = "") -> Tried:
        """A trial with its score, which is higher the better it is."""
        score = metrics.get(self.score_name)
        return Tried(settings, self.shown(score), failure)

    def shown(self, score: float | None) -> float | None:
        """A trial's score as the metric has it, and the other way round."""
        return score if score is None or not self.lower_is_better else -score


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
            log_recipe(run, sweep.variation({}), vary=dict(sweep.vary), sampler=sweep.sampler)
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
            done[settings] = sweep.tried(json.loads(settings), record.metrics, reason)
    return tuple(done.values())


def require_one_choice(sweep: Sweep, *, trials: int) -> None:
    """Refuse more trials once the chosen variation was judged: another choice would look at the test rows again.

    Raises:
        InputError: The sweep was judged after fewer trials than are asked for.
    """
    tried = tried_before(sweep)
    if len(tried) < trials and _result_of(sweep, CHOSEN) is not None:
        raise InputError(
            f"This sweep chose among {len(tried)} variations and was judged on {sweep.judged_on}, which is done once; "
            f"{trials} were asked for. Ask for --trials {len(tried)} to see its result, or start another --seed."
        )


def try_variation(sweep: Sweep, settings: Settings, parent: Run) -> Tried:
    """Fit a variation and score it on the days to choose by; those kept back are not looked at.

    Raises:
        TrainingError: The fit diverged or ran past its limit; its run says so.
    """
    tags = sweep.tags(_TRIAL) | {"settings": json.dumps(settings)}
    tags |= {f"setting.{setting}": value for setting, value in settings.items()}
    recipe = sweep.variation(settings)
    name = name_of(settings)
    with study_run(sweep.experiment, name, sweep.history, tags=tags, parent=parent) as run:
        log_recipe(run, recipe, seed=sweep.seed)
        started = time.perf_counter()
        scores = sweep.try_one(recipe, run)
        run.log_metrics(scores | {"fit_seconds": time.perf_counter() - started})
    return sweep.tried(settings, scores)


def judge(sweep: Sweep, role: str, settings: Settings, parent: Run) -> dict[str, Any]:
    """The scores of a variation on the days kept back: taken once, and read back ever after.

    Raises:
        TrainingError: The fit diverged or ran past its limit; its run says so, and no such score was taken.
    """
    record = _result_of(sweep, role)
    if record is not None and record.tags["settings"] == json.dumps(settings):
        return _judged(sweep, record.metrics, record.tags)
    tags = sweep.tags(_RESULT) | {"settings": json.dumps(settings), "role": role}
    name = f"{role} on {sweep.judged_on}"
    with study_run(sweep.experiment, name, sweep.history, tags=tags, parent=parent) as run:
        metrics, verdict = sweep.judge_one(role, settings, run)
    return _judged(sweep, metrics, tags | verdict)


def _result_of(sweep: Sweep, role: str) -> RunRecord | None:
    """The run in which a role was judged, where it was."""
    judged = (record for record in sweep.records(_RESULT) if record.status == "FINISHED")
    return next((record for record in judged if record.tags["role"] == role), None)


def _judged(sweep: Sweep, metrics: Mapping[str, float], tags: Mapping[str, Any]) -> dict[str, Any]:
    p = tags.get("diebold_mariano_p")
    return {
        "role": tags["role"],
        "settings": json.loads(tags["settings"]),
        "metrics": {name: metrics[name] for name in metrics if name.startswith(("test_", "skill_"))},
        "diebold_mariano_p": None if p is None else float(p),
        "verdict": tags["verdict"],
        "setting": tags["setting"],
    }
