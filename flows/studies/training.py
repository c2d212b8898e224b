"""A single fit of `coincast train`: judged beside the random walk, its model kept with the run."""

from pathlib import Path
from tempfile import TemporaryDirectory

from flows.edges.tracking.run import Run
from flows.inputs.history import History
from flows.studies.recipe_runs import Judged, Trial, epoch_report, log_trial
from pipeline.models.bundle import save_bundle
from pipeline.models.fitting import Model, fit
from pipeline.point.fitting import save_point


def fit_and_keep(trial: Trial, history: History, run: Run) -> Judged:
    """Fit, judge and log beside the random walk; the model's files become artifacts under `model/`."""
    judged = log_trial(run, trial, history).on_common_days()
    walk = judged.random_walk.metrics
    run.log_metrics(
        {f"random_walk_{name}": value for name, value in walk.items() if name.startswith("test_")}
    )
    with TemporaryDirectory() as folder:
        if judged.fit is not None:
            save_point(judged.fit, Path(folder))
        else:
            save_bundle(_fit_all_days(trial, history), Path(folder))
        run.log_folder(Path(folder), "model")
    return judged


def _fit_all_days(trial: Trial, history: History) -> Model:
    """A range recipe is judged without its newest days, and kept with them."""
    return fit(
        trial.recipe,
        history.features,
        as_of=history.as_of,
        seed=trial.seed,
        time_limit_s=trial.time_limit_s,
        on_epoch=epoch_report(trial.recipe.total_epochs),
    )
