"""What each choice in `range-lstm` is worth: relative WIS with it, without it, and with another in its place.

    python benchmarks/range_choices.py FILE [FILE ...] [--only NAME,NAME] [--until 2023-12-31]

Walks each file at yearly refits from 2020 on and scores targets up to `--until`: choices are made on these years alone,
the later ones are kept for the report of docs/forecast.md. Prints a Markdown row for every choice: the mean over the
files by horizon, and the Diebold-Mariano t of the first file at horizon 1.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from flows.edges.machine.runtime import prepare_environment
from pipeline.candles import daily_grid, read_candles
from pipeline.evaluation.backtest import Span, plan_spans
from pipeline.evaluation.backtest_summary import collect_outcomes, summarise
from pipeline.features.day_axis import IntArray
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import HORIZONS, FloatArray
from pipeline.models.calibration import recalibrated
from pipeline.models.fitting import fit
from pipeline.models.lstm.ensemble import RANDOM_WALK_SHARE, LearnedRange, with_random_walk
from pipeline.models.random_walk import random_walk_quantiles
from pipeline.models.regression import EWMA_RANGE, HAR_RANGE
from pipeline.recipes.base import Recipe
from pipeline.recipes.ranges import RANGE_LSTM

FIRST: Final = date(2020, 1, 1)
REFIT_EVERY: Final = 365

# What one fit says when something of it is taken away: quantiles of log returns, array of shape (n, 7, 23).
Part = Callable[[LearnedRange, FeatureGrid, IntArray], FloatArray]


def calibrated(learned: LearnedRange, grid: FeatureGrid, places: IntArray) -> FloatArray:
    """The networks' ranges, calibrated, without the random walk's share: found from the published mixture."""
    share = RANDOM_WALK_SHARE[:, None]
    whole = replace(learned, random_walk_from_=None).quantiles(grid, places)
    return (whole - share * random_walk_quantiles(grid.days, places)) / (1 - share)


def shared(share: FloatArray) -> Part:
    """The whole model with another share of the random walk, array of shape (7,)."""

    def part(learned: LearnedRange, grid: FeatureGrid, places: IntArray) -> FloatArray:
        own = calibrated(learned, grid, places)
        walk = random_walk_quantiles(grid.days, places)
        mixed = (1 - share[:, None]) * own + share[:, None] * walk
        start = learned.random_walk_from_
        if start is not None:
            mixed[:, start - 1 :] = walk[:, start - 1 :]
        return mixed

    return part


def uncalibrated(learned: LearnedRange, grid: FeatureGrid, places: IntArray) -> FloatArray:
    """Ranges as they were fitted, whatever recent outcomes were."""
    own = learned.uncalibrated(grid, places)
    return with_random_walk(own, random_walk_quantiles(grid.days, places), start=learned.random_walk_from_)


def calibrated_once(learned: LearnedRange, grid: FeatureGrid, places: IntArray) -> FloatArray:
    """Calibrated by the days before the fit alone."""
    own = learned.uncalibrated(grid, places)
    moved = np.stack([recalibrated(quantiles, learned.recent_.T) for quantiles in own])
    return with_random_walk(moved, random_walk_quantiles(grid.days, places), start=learned.random_walk_from_)


def never_given_up(learned: LearnedRange, grid: FeatureGrid, places: IntArray) -> FloatArray:
    """No horizon becomes the random walk's."""
    return replace(learned, random_walk_from_=None).quantiles(grid, places)


def regression_alone(learned: LearnedRange, grid: FeatureGrid, places: IntArray) -> FloatArray:
    """The regression about a moving level, nothing after it."""
    return learned.base_.quantiles(grid, places)


PARTS: Final[dict[str, Part]] = {
    "regression about a moving level, alone": regression_alone,
    "no share of the random walk": shared(np.zeros(len(HORIZONS))),
    "half the random walk everywhere": shared(np.full(len(HORIZONS), 0.5)),
    "not calibrated": uncalibrated,
    "calibrated at the fit only": calibrated_once,
    "no horizon is given up": never_given_up,
    "one network of three": lambda learned, *rest: replace(learned, members_=learned.members_[:1]).quantiles(
        *rest
    ),
}

RECIPES: Final[dict[str, Recipe]] = {
    "har-range": HAR_RANGE,
    "ewma-range": EWMA_RANGE,
    "**range-lstm**": RANGE_LSTM,
    "one layer of 16": RANGE_LSTM.model_copy(update={"units": (16,)}),
    "two layers of 32": RANGE_LSTM.model_copy(update={"units": (32, 32)}),
    "three layers of 16": RANGE_LSTM.model_copy(update={"units": (16, 16, 16)}),
    "look back 7 days": RANGE_LSTM.model_copy(update={"lookback": 7}),
    "look back 44 days": RANGE_LSTM.model_copy(update={"lookback": 44}),
    "3 epochs": RANGE_LSTM.model_copy(update={"epochs": 3}),
    "21 epochs": RANGE_LSTM.model_copy(update={"epochs": 21}),
    "learning rate 0.001": RANGE_LSTM.model_copy(update={"learning_rate": 1e-3}),
    "all days count alike": RANGE_LSTM.model_copy(update={"half_life_days": 1e9}),
    "90 days held back": RANGE_LSTM.model_copy(update={"held_back_days": 90}),
}


def main() -> None:
    """Walk the files and print a row a choice."""
    prepare_environment()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--until", type=date.fromisoformat, default=date(2023, 12, 31))
    asked = parser.parse_args()
    wanted = {name.strip() for name in asked.only.split(",") if name.strip()}
    print("| choice | " + " | ".join(f"h = {h}" for h in HORIZONS) + " | t, h = 1 |")
    print("|---|" + "---|" * (len(HORIZONS) + 1))
    for name, recipe in RECIPES.items():
        if wanted and name.strip("*") not in wanted:
            continue
        parts = PARTS if recipe is RANGE_LSTM else {}
        cells = [walk(file, recipe, parts, until=asked.until) for file in asked.files]
        for row in ["", *parts]:
            print(f"| {row or name} | {' | '.join(_numbers([cell[row] for cell in cells]))} |", flush=True)


def walk(
    file: Path, recipe: Recipe, parts: dict[str, Part], *, until: date
) -> dict[str, dict[str, dict[str, float]]]:
    """Summaries of a file's walk by part; the empty name is the whole model."""
    candles = read_candles(file.read_bytes(), series=None, fetched_at=None).candles
    grid = FeatureGrid.of(daily_grid(candles)).until(until)
    spans = plan_spans(grid.table, first=FIRST, last=until - timedelta(days=1), refit_every=REFIT_EVERY)
    found = [dict(_span(recipe, grid, span, parts)) for span in spans]
    rows = np.concatenate([span.rows for span in spans])
    return {
        name: summarise(
            collect_outcomes(grid.days, rows, np.concatenate([one[name] for one in found])), HORIZONS
        )["overall"]
        for name in found[0]
    }


def _span(
    recipe: Recipe, grid: FeatureGrid, span: Span, parts: dict[str, Part]
) -> Iterator[tuple[str, FloatArray]]:
    model = fit(recipe, grid, as_of=span.fit_as_of, seed=1)
    until = grid.until(grid.table["date"].iloc[span.rows[-1]].date())
    yield "", model.log_return_quantiles(until, span.rows)
    if isinstance(model.learned_, LearnedRange):
        for name, part in parts.items():
            yield name, part(model.learned_, until, until.days.place[span.rows])


def _numbers(cells: list[dict[str, dict[str, float]]]) -> list[str]:
    means = [np.mean([cell[str(h)]["relative_wis"] for cell in cells]) for h in HORIZONS]
    return [*(f"{mean:.4f}" for mean in means), f"{cells[0]['1']['dm_t']:.1f}"]


if __name__ == "__main__":
    main()
