"""A comparison told four ways: JSON values, an MLflow table, figures, and a Prefect artifact."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flows.edges.tracking.experiments import Experiment
from flows.edges.tracking.run import Run
from flows.inputs.history import History
from flows.reporting.artifacts import show_table
from flows.reporting.flow_run import name_and_id, ui_url, way_back
from flows.reporting.progress import watcher
from flows.studies.recipe_runs import frame_of, log_figures
from pipeline.evaluation.comparison import RANDOM_WALK, Outcome
from pipeline.evaluation.leaderboard import Standing, rank
from pipeline.evaluation.together import Together, rank_together
from pipeline.figures.texts import closes_figure, gradient_figure, scaled_figure
from pipeline.forecasts.quantiles import FloatArray
from pipeline.point.framing import AS_WRITTEN, Variant
from pipeline.point.gradients import CELLS, gradient_by_lag
from pipeline.recipes.base import Recipe
from pipeline.recipes.point import PointRecipe, Recurrent
from pipeline.scores.formulas import p_in_words

# The gradient figure looks at the newest training windows, before and after so many epochs at most.
_GRADIENT_WINDOWS: Final = 512
_GRADIENT_EPOCHS: Final = 10


@dataclass(frozen=True)
class Failure:
    """A trial that ended without a model, and why."""

    trial: str
    reason: str


@dataclass(frozen=True)
class Table:
    """The leaderboard of one setting: only on the same days and in the same units can scores be ranked.

    Attributes:
        variant: `leak-free` or `as-written`.
        setting: As `Outcome.setting_in_words`: on how many of which days, and in which units.
        standings: Best first.
    """

    variant: Variant
    setting: str
    standings: tuple[Standing, ...]

    def as_values(self) -> dict[str, Any]:
        """JSON values."""
        rows = [standing.as_values() for standing in self.standings]
        return {"variant": self.variant, "setting": self.setting, "rows": rows}


@dataclass(frozen=True, eq=False)
class Report:
    """What a comparison came to.

    Attributes:
        history: The candles.
        outcomes: Of every trial, and the random walk's of every setting.
        failed: Trials without an outcome.
        run: The parent run.
        experiment: Where it lies.
    """

    history: History
    outcomes: Sequence[Outcome]
    failed: Sequence[Failure]
    run: Run
    experiment: Experiment

    @property
    def tables(self) -> tuple[Table, ...]:
        """The leaderboard of each setting that was tried, leak-free first, otherwise in the order of trying."""
        together: dict[tuple[Variant, str], list[Outcome]] = {}
        for outcome in self.outcomes:
            together.setdefault((outcome.variant, outcome.setting), []).append(outcome)
        tables = [_table(variant, rank(outcomes)) for (variant, _), outcomes in together.items()]
        return tuple(sorted(tables, key=lambda table: table.variant == AS_WRITTEN))

    @property
    def together(self) -> Together:
        """Every recipe, of ranges and of points, on the days that all have."""
        return rank_together(self.outcomes)

    def as_values(self) -> dict[str, Any]:
        """JSON values, the same for programs, tests and the terminal."""
        tracking = self.experiment.tracking
        flow_run, flow_run_id = name_and_id()
        return {
            "series": str(self.history.series or self.history.name),
            "source": self.history.origin,
            "sha256": self.history.sha256,
            "first": self.history.first.isoformat(),
            "as_of": self.history.as_of.isoformat(),
            "rows": len(self.history.candles),
            "leaderboard": self.together.as_values(),
            "tables": [table.as_values() for table in self.tables],
            "failed": [vars(failure) for failure in self.failed],
            "mlflow": {"run_id": self.run.id, "url": self.run.url, "open_with": tracking.ui_command},
            "flow_run": {"name": flow_run, "id": flow_run_id, "url": ui_url()},
        }


def log_report(report: Report, *, recipes: Sequence[Recipe]) -> None:
    """The leaderboards as a table, a note and JSON, and the figures, on the parent run."""
    run = report.run
    run.log_table(_together_rows(report), "leaderboard")
    run.log_table(_rows(report), "settings")
    run.log_json(report.as_values(), "comparison")
    run.set_note(_note(report) + way_back())
    run.set_tags({"failed": ", ".join(failure.trial for failure in report.failed) or None})
    run.log_figure(closes_figure(report.history.candles), "close")
    learned = [outcome for outcome in report.outcomes if outcome.recipe != RANDOM_WALK]
    log_figures(run, learned or report.outcomes)
    points = [recipe for recipe in recipes if isinstance(recipe, PointRecipe)]
    if points:
        run.log_figure(scaled_figure(frame_of(points[0], report.history)), "scaled")
    recurrent = [recipe for recipe in points if any(isinstance(layer, Recurrent) for layer in recipe.layers)]
    if recurrent:
        run.log_figure(gradient_figure(_gradients(recurrent[0], report.history)), "gradient-by-lag")


def publish_artifact(report: Report, *, name: str) -> None:
    """The leaderboards as a table in Prefect's UI, with the way to the MLflow run."""
    note = f"[MLflow run]({report.run.url})\n\n{_note(report)}"
    show_table(f"{name}-{report.history.name}", _together_rows(report) or _rows(report), note)


def _table(variant: Variant, standings: tuple[Standing, ...]) -> Table:
    """Named by the days that are compared: the last ranks may be of recipes that forecast none."""
    return Table(variant, standings[0].setting, standings)


def _together_rows(report: Report) -> list[dict[str, Any]]:
    """The one leaderboard as plain finite values; what there is not is an empty text."""
    rows = report.together.as_values()["rows"]
    return [{name: "" if value is None else value for name, value in row.items()} for row in rows]


def _rows(report: Report) -> list[dict[str, Any]]:
    """Plain finite values; what is not defined is an empty text."""
    names = list(dict.fromkeys(name for outcome in report.outcomes for name in outcome.metrics))
    return [
        {
            "variant": standing.variant,
            "rank": standing.rank,
            "recipe": standing.recipe,
            "seeds": len(standing.seeds),
            **{name: str(standing.metrics.get(name, "")) for name in names},
            "diebold_mariano_p": "" if standing.p is None else p_in_words(standing.p),
            "verdict": standing.verdict,
            "setting": standing.setting,
        }
        for table in report.tables
        for standing in table.standings
    ]


def _note(report: Report) -> str:
    lines = []
    for table in report.tables:
        lines += [f"**{table.variant}**: {table.setting}", ""]
        lines += [f"{each.rank}. {each.recipe}: {each.verdict}" for each in table.standings]
        lines.append("")
    lines += [f"Failed: {failure.trial}: {failure.reason}" for failure in report.failed]
    return "\n".join(lines)


def _gradients(recipe: PointRecipe, history: History) -> dict[str, dict[str, FloatArray]]:
    """Gradient norms by cell, before and after a fit of at most as many epochs as the recipe's own."""
    framing = frame_of(recipe, history)
    newest = slice(max(framing.parts.fit.stop - _GRADIENT_WINDOWS, 0), framing.parts.fit.stop)
    inputs, targets = framing.inputs[newest], framing.targets[newest]
    fitted = min(_GRADIENT_EPOCHS, recipe.fitting.epochs)
    panels: dict[str, dict[str, FloatArray]] = {}
    for title, epochs in (("before fitting", 0), (f"after {fitted} epochs", fitted)):
        watcher.get().stage(history.name, f"gradients by lag {title}")
        panels[title] = {
            cell: gradient_by_lag(cell, inputs, targets, seed=1, epochs=epochs) for cell in CELLS
        }
    return panels
