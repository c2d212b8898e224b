"""The flow `train`: one recipe, fitted and judged, its model kept with the run."""

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flows.edges.configuration import configuration
from flows.edges.files.recipe_files import named_recipe
from flows.edges.tracking.experiments import open_tracking
from flows.inputs.arguments import require_pooled
from flows.inputs.history import history_of, with_others
from flows.studies.comparison_report import Report, publish_artifact
from flows.studies.recipe_runs import (
    Trial,
    study_run,
    trial_tags,
)
from flows.tasks import studies
from flows.tasks.flow_policy import flow
from pipeline.errors import InputError
from pipeline.evaluation.comparison import RANDOM_WALK
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.models.registry import refuse_peer
from pipeline.point.framing import AS_WRITTEN, LEAK_FREE


class TrainRequest(BaseModel):
    """What to train.

    Attributes:
        recipe: Name, or a path ending in .toml.
        file: Candle file; None reads the series' newest snapshot.
        series: What the candles are; None lets the file tell.
        beside: Candle files or series whose newest snapshot is read: a pooled recipe learns from them too.
        as_of: Later candles are left out.
        seed: Of the fit.
        epochs: Instead of the recipe's, for a quick look.
        as_written: With the text's leaks.
        time_limit_s: Seconds for the fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    file: str | None = None
    series: str | None = None
    beside: tuple[str, ...] = ()
    as_of: date | None = None
    seed: int = Field(default=1, ge=0, le=LARGEST_SEED)
    epochs: int | None = Field(default=None, ge=1)
    as_written: bool = False
    time_limit_s: float | None = Field(default=None, gt=0)


@flow(name="train")
def train(request: TrainRequest) -> dict[str, Any]:
    """Fit a recipe, judge it beside the random walk, and keep its model, figures and numbers in one MLflow run.

    Returns:
        The leaderboard of the two as JSON values.

    Raises:
        InputError: The recipe, the file or the series is not usable.
        TrainingError: The fit diverged or ran past its limit; the run says so and no model is kept.
    """
    current = configuration()
    named = named_recipe(request.recipe, current.places)
    recipe = named.with_epochs(request.epochs) if request.epochs else named
    if recipe.name == RANDOM_WALK:
        raise InputError("The random walk learns nothing; see it beside another by `coincast compare`.")
    if request.as_written and not recipe.tells_a_leak:
        raise InputError(
            f"{recipe.name} has no as-written variant: its text tells no leak; leave --as-written."
        )
    require_pooled([recipe], request.beside)
    refuse_peer(recipe)
    variant = AS_WRITTEN if request.as_written else LEAK_FREE
    trial = Trial(recipe, variant, request.seed, request.time_limit_s)
    history = with_others(history_of(request, current), request.beside, current)
    experiment = open_tracking(current.places).experiment(history.name)
    tags = trial_tags(trial) | {"kind": "train"}
    with study_run(experiment, f"train {trial.name}", history, tags=tags) as run:
        judged = studies.fit_and_keep(trial, history, run)
        report = Report(history, (judged.outcome, judged.random_walk), (), run, experiment)
    publish_artifact(report, name="train")
    return report.as_values()
