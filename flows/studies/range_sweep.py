"""A sweep of a range recipe: chosen by WIS on days up to a date, told once on the days after it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final

from flows.edges.tracking.run import Run
from flows.reporting.progress import watcher
from flows.studies.recipe_runs import log_recipe
from flows.studies.sweep_runs import AS_GIVEN, Sweep
from pipeline.evaluation.backtest import Span, SpanForecasts, walk_span
from pipeline.evaluation.range_sweeping import Stretch, mean_relative_wis, range_variation, score_walk
from pipeline.features.feature_grid import FeatureGrid
from pipeline.point.variation import Settings
from pipeline.recipes.base import Recipe
from pipeline.scores.differences import Difference

SCORE: Final = "validation_relative_wis"


@dataclass(frozen=True, eq=False, kw_only=True)
class RangeSweep(Sweep):
    """Settings of a range recipe.

    Attributes:
        choosing: The days up to the date.
        judging: Those after it.
        horizons: Whose relative WIS is averaged to choose by.
        refit_every: Days between fits.
    """

    score_name: ClassVar[str] = SCORE
    lower_is_better: ClassVar[bool] = True
    judged_on: ClassVar[str] = "the later days"

    choosing: Stretch
    judging: Stretch
    horizons: tuple[int, ...]
    refit_every: int

    def variation(self, settings: Settings) -> Recipe:
        """Under the name of the recipe as given."""
        return range_variation(self.given, settings)

    def validation(self) -> dict[str, Any]:
        """As_of days up to the date."""
        first, last = self.choosing.spans[0].rows[0], self.choosing.spans[-1].rows[-1]
        dates = self.choosing.grid.table["date"].dt.date
        return {
            "first": str(dates.iloc[int(first)]),
            "before": str(dates.iloc[int(last)] + timedelta(days=1)),
            "days": self.choosing.days,
        }

    def try_one(self, recipe: Recipe, run: Run) -> dict[str, float]:
        """The mean over the horizons, and each."""
        return _metrics(self._cells(self.choosing, recipe), of="validation")

    def judge_one(
        self, role: str, settings: Settings, run: Run
    ) -> tuple[dict[str, float], dict[str, object]]:
        """Beside the random walk on the later days."""
        recipe = self.given if role == AS_GIVEN else self.variation(settings)
        log_recipe(run, recipe, seed=self.seed)
        started = time.perf_counter()
        cells = self._cells(self.judging, recipe)
        metrics = _metrics(cells, of="test")
        run.log_metrics(metrics | {"fit_seconds": time.perf_counter() - started})
        run.log_table([{"horizon": int(horizon), **cell} for horizon, cell in cells.items()], "scores")
        told = {"verdict": _verdict(cells), "setting": self._setting(cells)}
        run.set_tags(told)
        return metrics, dict(told)

    def identity(self) -> list[object]:
        """Days, horizons and the refit calendar."""
        return [self.validation(), list(self.horizons), self.refit_every]

    def _cells(self, stretch: Stretch, recipe: Recipe) -> dict[str, dict[str, Any]]:
        total, done = len(stretch.spans), 0

        def walk(one: Recipe, grid: FeatureGrid, span: Span) -> SpanForecasts:
            nonlocal done
            watcher.get().advance(f"fit of {span.fit_as_of}", done, total)
            done += 1
            return walk_span(one, grid, span, seed=self.seed, time_limit_s=self.time_limit_s)

        return score_walk(stretch, recipe, horizons=self.horizons, walk=walk)

    def _setting(self, cells: Mapping[str, Mapping[str, Any]]) -> str:
        dates = self.judging.grid.table["date"].dt.date
        first = dates.iloc[int(self.judging.spans[0].rows[0])]
        last = dates.iloc[int(self.judging.spans[-1].rows[-1])]
        days = max(cell["days"] for cell in cells.values())
        return f"{days} days {first} to {last}, a fit every {self.refit_every} days"


def _metrics(cells: Mapping[str, Mapping[str, Any]], *, of: str) -> dict[str, float]:
    """The mean of the horizons, and of each the score, its standard error and its days."""
    values: dict[str, Any] = {f"{of}_relative_wis": mean_relative_wis(cells)}
    for horizon, cell in cells.items():
        values[f"{of}_relative_wis_h{horizon}"] = cell["relative_wis"]
        values[f"{of}_relative_wis_error_h{horizon}"] = cell["less_random_walk_error"]
        values[f"{of}_days_h{horizon}"] = cell["days"]
    return {name: float(value) for name, value in values.items() if value is not None and value == value}


def _verdict(cells: Mapping[str, Mapping[str, Any]]) -> str:
    """As `h 1: 0.9751 ± 0.0035, better; …`: each horizon beside the random walk."""
    words = []
    for horizon, cell in cells.items():
        value, error = (
            float("nan") if cell[key] is None else cell[key]
            for key in ("less_random_walk", "less_random_walk_error")
        )
        difference = Difference(value, error, cell["days"])
        words.append(f"h {horizon}: {difference.ratio}, {difference.words}")
    return "relative WIS " + "; ".join(words)
