"""Recipes fitted and judged, each as an MLflow run that a person can find again."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from flows.edges.machine.environment import environment
from flows.edges.machine.versions import code_version, package_versions
from flows.edges.tracking.experiments import Experiment, tracked_run
from flows.edges.tracking.run import Run
from flows.inputs.history import History
from flows.reporting.flow_run import name_and_id, ui_url
from flows.reporting.progress import watcher
from pipeline.evaluation.comparison import Outcome, outcome_of, random_walk_of, ranges_of
from pipeline.evaluation.leaderboard import rank
from pipeline.evaluation.outcome_days import on_common_days
from pipeline.figures.texts import closes_figure, curve_figure, prediction_figure, scaled_figure
from pipeline.models.callbacks import EpochListener
from pipeline.point.fitting import PointFit, fit_point
from pipeline.point.framing import AS_WRITTEN, LEAK_FREE, Framing, Variant, frame
from pipeline.recipes.base import Recipe
from pipeline.recipes.point import PointRecipe

# Fields of a recipe that are for readers; as parameters they would crowd out what can be compared.
_WORDS: Final = {"title", "source", "choices", "as_written"}


@dataclass(frozen=True)
class Trial:
    """One fit to make.

    Attributes:
        recipe: What to fit.
        variant: Leak-free, or as its text has it.
        seed: Seed of the fit.
        time_limit_s: Seconds after which the fit fails; None for no limit.
    """

    recipe: Recipe
    variant: Variant
    seed: int
    time_limit_s: float | None = None

    @property
    def name(self) -> str:
        """As `lecture-lstm seed 1, as written`."""
        return f"{self.recipe.name} seed {self.seed}{', as written' if self.variant == AS_WRITTEN else ''}"


@dataclass(frozen=True, eq=False)
class Judged:
    """A trial's outcome, the random walk's in its setting, the fit where it is a network of points, the trial's run."""

    outcome: Outcome
    random_walk: Outcome
    fit: PointFit | None
    run: Run | None = None

    def on_common_days(self) -> "Judged":
        """The two on the days that both forecast."""
        outcome, walk = on_common_days((self.outcome, self.random_walk))
        return replace(self, outcome=outcome, random_walk=walk)


def run_trial(trial: Trial, history: History) -> Judged:
    """Fit and judge; the watcher is told of every epoch.

    Raises:
        TooLittleHistoryError: The candles are too few for the recipe.
        TrainingError: The fit diverged or ran past its limit.
    """
    watcher.get().stage(history.name, trial.name)
    if not isinstance(trial.recipe, PointRecipe):
        return _run_ranges(trial, history)
    framing = frame_of(trial.recipe, history, variant=trial.variant)
    started = time.perf_counter()
    fit = fit_watched(framing, seed=trial.seed, time_limit_s=trial.time_limit_s)
    return Judged(outcome_of(fit, seconds=time.perf_counter() - started), random_walk_of(framing), fit)


def fit_watched(framing: Framing, *, seed: int, time_limit_s: float | None = None) -> PointFit:
    """`fit_point` whose epochs the watcher is told of."""
    on_epoch = epoch_report(framing.recipe.total_epochs)
    return fit_point(framing, seed=seed, time_limit_s=time_limit_s, on_epoch=on_epoch)


def frame_of(recipe: PointRecipe, history: History, *, variant: Variant = LEAK_FREE) -> Framing:
    """The recipe's frame: over every calendar day, or as written over the rows as the file has them."""
    return frame(recipe, history.candles if variant == AS_WRITTEN else history.grid, variant=variant)


def tracked_trial(trial: Trial, history: History, *, experiment: Experiment, parent: Run) -> Judged:
    """`run_trial` as a child of the parent's MLflow run; FAILED with the reason if it fails."""
    with study_run(experiment, trial.name, history, tags=trial_tags(trial), parent=parent) as run:
        return replace(log_trial(run, trial, history), run=run)


def log_common_days(judged: Sequence[Judged], outcomes: Sequence[Outcome]) -> None:
    """Give the runs of trials their scores on the days that all of a comparison have, where those are fewer.

    Args:
        judged: The trials.
        outcomes: Theirs on the common days, in the same order.
    """
    for each, outcome in zip(judged, outcomes, strict=True):
        if each.run is not None and outcome is not each.outcome:
            each.run.log_metrics(outcome.metrics)
            each.run.set_tags(verdict_tags(outcome))


def log_trial(run: Run, trial: Trial, history: History) -> Judged:
    """`run_trial` with its parameters, metrics, curves and figures on `run`."""
    log_recipe(run, trial.recipe, seed=trial.seed, variant=trial.variant)
    judged = run_trial(trial, history)
    log_outcome(run, judged.outcome)
    run.log_figure(closes_figure(history.candles), "close")
    if judged.fit is not None:
        run.log_figure(scaled_figure(judged.fit.framing), "scaled")
    return judged


def log_recipe(run: Run, recipe: Recipe, **more: object) -> None:
    """The whole recipe as `recipe.json`, and as parameters what makes a difference to the fit."""
    run.log_json(recipe.as_values(), "recipe")
    run.log_parameters(recipe.model_dump(mode="json", exclude=_WORDS) | more)


def log_outcome(run: Run, outcome: Outcome) -> None:
    """Metrics, the verdict, curves by epoch, the predictions as a table, and their figures."""
    seconds = {"fit_seconds": outcome.seconds, "predict_seconds": outcome.predict_seconds}
    run.log_metrics(dict(outcome.metrics) | (seconds if outcome.seconds else {}))
    for name, values in outcome.history.items():
        # Told apart from the score of the same name, which is taken once the fit has ended.
        run.log_curve(f"epoch_{name}", values)
    run.log_table(outcome.table, "predictions")
    run.set_tags(verdict_tags(outcome))
    log_figures(run, [outcome])


def log_figures(run: Run, outcomes: Sequence[Outcome]) -> None:
    """Loss, MAPE, and prediction on training and test data, of all outcomes that have them, together."""
    for name, curve in (("loss", "train_mse_scaled"), ("mape", "train_mape_scaled_pct")):
        if any(curve in outcome.history for outcome in outcomes):
            run.log_figure(curve_figure(outcomes, curve), name)
    for part in ("train", "test"):
        if any((outcome.table["part"] == part).any() for outcome in outcomes):
            run.log_figure(prediction_figure(outcomes, part), f"prediction-{part}")


def verdict_tags(outcome: Outcome) -> dict[str, object]:
    """The setting, and in it the evidence for or against the outcome, alone beside the random walk."""
    (standing,) = rank([outcome])
    return {
        "setting": standing.setting,
        "verdict": standing.verdict,
        "diebold_mariano_p": standing.p,
    }


@contextmanager
def study_run(
    experiment: Experiment,
    name: str,
    history: History,
    *,
    tags: Mapping[str, object],
    parent: Run | None = None,
) -> Iterator[Run]:
    """A tracked run that says what every run of a study does of its data, its code and its machine."""
    made_with = environment()
    facts = study_tags(history) | {fact: made_with[fact] for fact in ("python", "platform")}
    with tracked_run(experiment, name, tags=facts | dict(tags), parent=parent) as run:
        run.log_dataset(history.candles, name=history.name, digest=history.sha256, source=history.origin)
        run.log_json(made_with, "environment")
        yield run


def study_tags(history: History) -> dict[str, object]:
    """By which a study's run is found again, and the way back to the Prefect run."""
    flow_run, flow_run_id = name_and_id()
    return {
        "series": str(history.series or history.name),
        "as_of": history.as_of,
        "vintage": "latest",
        "snapshot_sha256": history.sha256,
        **(
            {"pool": ", ".join(f"{name} {sha256}" for name, sha256 in history.pool.items())}
            if history.others
            else {}
        ),
        "git_commit": code_version().partition("+")[2] or None,
        "versions": ", ".join(
            f"{k} {v}" for k, v in {"coincast": code_version(), **package_versions()}.items()
        ),
        "flow_run": flow_run,
        "flow_run_id": flow_run_id,
        "flow_run_url": ui_url(),
    }


def trial_tags(trial: Trial) -> dict[str, object]:
    """What a trial's run says beside `study_tags`."""
    return {"recipe": trial.recipe.name, "variant": trial.variant, "seed": trial.seed, "kind": "trial"}


def _run_ranges(trial: Trial, history: History) -> Judged:
    outcome, walk = ranges_of(
        trial.recipe,
        history.features,
        seed=trial.seed,
        time_limit_s=trial.time_limit_s,
        on_epoch=epoch_report(trial.recipe.total_epochs),
    )
    return Judged(outcome, walk, None)


def epoch_report(total: int | None) -> EpochListener:
    """Tells the watcher of each of `total` epochs; None where their number is not known."""

    def on_epoch(epoch: int, values: Mapping[str, float]) -> None:
        watcher.get().advance(f"epoch {epoch}, loss {values.get('loss', float('nan')):.3g}", epoch, total)

    return on_epoch
