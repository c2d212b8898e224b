"""Recipes fitted and judged, each as an MLflow run that a person can find again."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flows.edges.run import Run
from flows.edges.tracking import Experiment, tracked_run
from flows.edges.versions import code_version, package_versions
from flows.history import History
from flows.progress import watcher
from pipeline.comparison import Outcome, outcome_of, random_walk_of, ranges_of
from pipeline.figures import closes_figure, curve_figure, prediction_figure, scaled_figure
from pipeline.framing import AS_WRITTEN, LEAK_FREE, Framing, Variant, frame
from pipeline.point_fitting import PointFit, fit_point
from pipeline.recipes import Recipe
from pipeline.recipes.point import PointRecipe
from pipeline.training import EpochListener

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
    """A trial's outcome, the random walk on its days, and the fit where it is a network of points."""

    outcome: Outcome
    random_walk: Outcome
    fit: PointFit | None


def run_trial(trial: Trial, history: History) -> Judged:
    """Fit and judge; the watcher is told of every epoch.

    Raises:
        TooLittleHistoryError: The candles are too few for the recipe.
        TrainingError: The fit diverged or ran past its limit.
    """
    watcher.get().stage(history.name, trial.name)
    if not isinstance(trial.recipe, PointRecipe):
        outcome, walk = ranges_of(trial.recipe, history.grid, seed=trial.seed, on_epoch=_report(None))
        return Judged(outcome, walk, None)
    framing = frame_of(trial.recipe, history, variant=trial.variant)
    started = time.perf_counter()
    fit = fit_watched(framing, seed=trial.seed, time_limit_s=trial.time_limit_s)
    return Judged(outcome_of(fit, seconds=time.perf_counter() - started), random_walk_of(framing), fit)


def fit_watched(framing: Framing, *, seed: int, time_limit_s: float | None = None) -> PointFit:
    """`fit_point` whose epochs the watcher is told of."""
    on_epoch = _report(framing.recipe.fitting.epochs)
    return fit_point(framing, seed=seed, time_limit_s=time_limit_s, on_epoch=on_epoch)


def frame_of(recipe: PointRecipe, history: History, *, variant: Variant = LEAK_FREE) -> Framing:
    """The recipe's frame: over every calendar day, or as written over the rows as the file has them."""
    return frame(recipe, history.candles if variant == AS_WRITTEN else history.grid, variant=variant)


def tracked_trial(trial: Trial, history: History, *, experiment: Experiment, parent: Run) -> Judged:
    """`run_trial` as a child of the parent's MLflow run; FAILED with the reason if it fails."""
    with tracked_run(experiment, trial.name, tags=trial_tags(trial, history), parent=parent) as run:
        return log_trial(run, trial, history)


def log_trial(run: Run, trial: Trial, history: History) -> Judged:
    """`run_trial` with its parameters, dataset, metrics, curves and figures on `run`."""
    log_recipe(run, trial.recipe, seed=trial.seed, variant=trial.variant)
    run.log_dataset(history.candles, name=history.name, digest=history.sha256, source=history.origin)
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
    """Metrics, curves by epoch, the predictions as a table, and their figures."""
    run.log_metrics(dict(outcome.metrics) | ({"fit_seconds": outcome.seconds} if outcome.seconds else {}))
    for name, values in outcome.history.items():
        # Told apart from the score of the same name, which is taken once the fit has ended.
        run.log_curve(f"epoch_{name}", values)
    run.log_table(outcome.table, "predictions")
    run.set_tags({"setting": outcome.setting})
    log_figures(run, [outcome])


def log_figures(run: Run, outcomes: Sequence[Outcome]) -> None:
    """Loss, MAPE, and prediction on training and test data, of all outcomes together."""
    if any(outcome.history for outcome in outcomes):
        run.log_figure(curve_figure(outcomes, "train_mse_scaled"), "loss")
        run.log_figure(curve_figure(outcomes, "train_mape_scaled_pct"), "mape")
    for part in ("train", "test"):
        if any((outcome.table["part"] == part).any() for outcome in outcomes):
            run.log_figure(prediction_figure(outcomes, part), f"prediction-{part}")


def study_tags(history: History) -> dict[str, object]:
    """What every run of a study says of its data and its code."""
    from prefect.runtime import flow_run

    return {
        "series": str(history.series or history.name),
        "as_of": history.as_of,
        "vintage": "latest",
        "snapshot_sha256": history.sha256,
        "git_commit": code_version().partition("+")[2] or None,
        "versions": ", ".join(
            f"{k} {v}" for k, v in {"coincast": code_version(), **package_versions()}.items()
        ),
        "flow_run": flow_run.name,
        "flow_run_id": flow_run.id,
        "flow_run_url": flow_run.ui_url,
    }


def trial_tags(trial: Trial, history: History) -> dict[str, object]:
    """`study_tags` and what the trial adds."""
    own = {"recipe": trial.recipe.name, "variant": trial.variant, "seed": trial.seed, "kind": "trial"}
    return study_tags(history) | own


def _report(total: int | None) -> EpochListener:
    def on_epoch(epoch: int, values: Mapping[str, float]) -> None:
        watcher.get().advance(f"epoch {epoch}, loss {values.get('loss', float('nan')):.3g}", epoch, total)

    return on_epoch
