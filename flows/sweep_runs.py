"""A sweep's runs in MLflow: what was tried is read back from there, so a killed sweep goes on where it was."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from flows.edges.run import Run, RunRecord
from flows.edges.tracking import Experiment, resumed_run, tracked_run
from flows.history import History
from flows.recipe_runs import fit_watched, log_outcome, log_recipe, study_tags
from pipeline.comparison import outcome_of
from pipeline.framing import Cut, frame
from pipeline.leaderboard import rank
from pipeline.recipes.point import PointRecipe
from pipeline.sweeping import Sampler, Tried, cut_of, validation_scores
from pipeline.variation import Settings, variation

SCORE: Final = "validation_skill_vs_random_walk"
# The two that are judged on the test rows.
CHOSEN: Final = "chosen"
AS_GIVEN: Final = "as given"
_TRIAL: Final = "sweep-trial"
_RESULT: Final = "sweep-result"


@dataclass(frozen=True, eq=False)
class Sweep:
    """What is swept.

    Attributes:
        recipe: As given, with the validation fraction of the sweep.
        vary: Settings and their values.
        sampler: How the next variation is found.
        seed: Of every fit and of the sampler.
        time_limit_s: Seconds for each fit.
        history: The candles.
        experiment: Where the runs lie.
    """

    recipe: PointRecipe
    vary: Mapping[str, tuple[str, ...]]
    sampler: Sampler
    seed: int
    time_limit_s: float | None
    history: History
    experiment: Experiment

    @property
    def id(self) -> str:
        """The same for the same recipe, settings, candles and seed: by it a sweep is found again."""
        what = (self.recipe.digest, dict(self.vary), self.sampler, self.seed)
        where = (self.history.sha256, str(self.history.as_of))
        return hashlib.sha256(json.dumps([what, where]).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """As `sweep guide-lstm by window, optimizer 2026-03-29`."""
        return f"sweep {self.recipe.name} by {', '.join(self.vary)} {self.history.as_of}"

    @property
    def cut(self) -> Cut:
        """The days at which every variation's validation and test begin."""
        whole = frame(self.recipe, self.history.grid)
        return cut_of(whole, validation=self.recipe.fitting.validation)

    def tags(self, kind: str) -> dict[str, object]:
        """What every run of the sweep says."""
        own = {"kind": kind, "sweep": self.id, "recipe": self.recipe.name, "seed": self.seed}
        return study_tags(self.history) | own

    def records(self, kind: str) -> list[RunRecord]:
        """Its runs of a kind, oldest first."""
        return list(reversed(self.experiment.find_runs(tags={"kind": kind, "sweep": self.id})))


@contextmanager
def parent_run(sweep: Sweep) -> Iterator[Run]:
    """The sweep's parent run, gone on with if there is one."""
    earlier = sweep.records("sweep")
    if earlier:
        with resumed_run(sweep.experiment, earlier[-1]) as run:
            yield run
    else:
        with tracked_run(sweep.experiment, sweep.name, tags=sweep.tags("sweep")) as run:
            log_recipe(run, sweep.recipe, vary=dict(sweep.vary), sampler=sweep.sampler)
            yield run


def tried_before(sweep: Sweep) -> tuple[Tried, ...]:
    """Variations that were fitted or that diverged; those cut off by a kill are tried again."""
    done = []
    for record in sweep.records(_TRIAL):
        diverged = record.tags.get("failure", "").startswith("TrainingError")
        if record.status == "FINISHED" or diverged:
            done.append(Tried(json.loads(record.tags["settings"]), record.metrics.get(SCORE)))
    return tuple(done)


def try_variation(sweep: Sweep, settings: Settings, parent: Run) -> Tried:
    """Fit a variation and score it on the validation rows; the test rows are not looked at.

    Raises:
        TrainingError: The fit diverged or ran past its limit; its run says so.
    """
    name = ", ".join(f"{setting} {value}" for setting, value in settings.items())
    tags = sweep.tags(_TRIAL) | {"settings": json.dumps(settings)}
    tags |= {f"setting.{setting}": value for setting, value in settings.items()}
    recipe = variation(sweep.recipe, settings)
    with tracked_run(sweep.experiment, name, tags=tags, parent=parent) as run:
        log_recipe(run, recipe, seed=sweep.seed)
        framing = frame(recipe, sweep.history.grid, cut=sweep.cut)
        started = time.perf_counter()
        fit = fit_watched(framing, seed=sweep.seed, time_limit_s=sweep.time_limit_s)
        scores = validation_scores(framing, fit.predicted)
        run.log_metrics(scores | {"fit_seconds": time.perf_counter() - started})
        for curve, values in fit.history.items():
            run.log_curve(f"epoch_{curve}", values)
    return Tried(settings, scores[SCORE])


def judge(sweep: Sweep, role: str, settings: Settings, parent: Run) -> dict[str, Any]:
    """The test scores of a variation fitted on all training rows: taken once, and read back ever after.

    A recipe with patience keeps its validation rows out of the fit, for they end it.
    """
    for record in sweep.records(_RESULT):
        if (
            record.tags["role"] == role
            and record.status == "FINISHED"
            and record.tags["settings"] == json.dumps(settings)
        ):
            return _judged(record.metrics, record.tags)
    recipe = variation(sweep.recipe, settings)
    cut = sweep.cut
    if recipe.fitting.patience is None:
        cut = Cut(validation=cut.test, test=cut.test)
    tags = sweep.tags(_RESULT) | {"settings": json.dumps(settings), "role": role}
    with tracked_run(sweep.experiment, f"{role} on the test rows", tags=tags, parent=parent) as run:
        log_recipe(run, recipe, seed=sweep.seed)
        framing = frame(recipe, sweep.history.grid, cut=cut)
        fit = fit_watched(framing, seed=sweep.seed, time_limit_s=sweep.time_limit_s)
        outcome = outcome_of(fit)
        (standing,) = rank([outcome])
        log_outcome(run, outcome)
        told = {"verdict": standing.verdict, "diebold_mariano_p": standing.p}
        run.set_tags(told)
    return _judged(outcome.metrics, {**tags, **told, "setting": outcome.setting})


def _judged(metrics: Mapping[str, float], tags: Mapping[str, Any]) -> dict[str, Any]:
    p = tags.get("diebold_mariano_p")
    return {
        "role": tags["role"],
        "settings": json.loads(tags["settings"]),
        "metrics": {name: metrics[name] for name in metrics if name.startswith(("test_", "skill_"))},
        "diebold_mariano_p": None if p is None else float(p),
        "verdict": tags["verdict"],
        "setting": tags["setting"],
    }
