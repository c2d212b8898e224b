"""A backtest's numbers against naive loops, and its figures against what they were given."""

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from pipeline.evaluation.backtest import plan_spans, walk_span
from pipeline.evaluation.backtest_summary import collect_outcomes, summarise
from pipeline.figures.backtest import coverage_figure, cumulative_figure, fan_figure, pit_figure
from pipeline.forecasts.quantiles import LEVELS
from pipeline.models.catalogue import find_recipe


def naive_wis(actual, quantiles):
    losses = [
        max(tau * (actual - q), (tau - 1) * (actual - q)) for tau, q in zip(LEVELS, quantiles, strict=True)
    ]
    return 2 * sum(losses) / len(losses)


@pytest.fixture(scope="module")
def outcomes(broken_grid, broken):
    spans = plan_spans(broken_grid, first=date(2023, 3, 1), last=date(2024, 6, 30), refit_every=200)
    walked = [walk_span(find_recipe("har-range"), broken, span, seed=1) for span in spans]
    rows = np.concatenate([one.span.rows for one in walked])
    return collect_outcomes(broken, rows, np.concatenate([one.quantiles for one in walked]))


@pytest.mark.parametrize("horizon", [1, 5])
def test_each_year_is_a_naive_loop_over_its_days(outcomes, horizon, broken_grid):
    summary = summarise(outcomes, (1, 5))
    real = broken_grid[~broken_grid["filled"]]
    closes = dict(zip(real["date"].to_numpy().astype("datetime64[D]"), real["close"], strict=True))
    for year in ("2023", "2024"):
        own, walk, inside, errors, origin_errors = [], [], [], [], []
        for row, day in enumerate(outcomes.dates):
            target = day + horizon
            quantiles = outcomes.quantiles[row, horizon - 1]
            if str(day)[:4] != year or target not in closes or np.isnan(quantiles).any():
                continue
            actual = np.log(closes[target] / closes[day])
            own.append(naive_wis(actual, quantiles))
            walk.append(naive_wis(actual, outcomes.walk[row, horizon - 1]))
            inside.append(quantiles[LEVELS.index(0.1)] <= actual <= quantiles[LEVELS.index(0.9)])
            errors.append(abs(closes[target] - closes[day] * np.exp(quantiles[LEVELS.index(0.5)])))
            origin_errors.append(abs(closes[target] - closes[day]))
        cell = summary["years"][year][str(horizon)]
        assert cell["days"] == len(own)
        assert cell["relative_wis"] == pytest.approx(np.mean(own) / np.mean(walk))
        assert cell["coverage_80_pct"] == pytest.approx(100 * np.mean(inside))
        assert cell["mae"] == pytest.approx(np.mean(errors))
        assert cell["mae_random_walk"] == pytest.approx(np.mean(origin_errors))
        assert cell["mase"] == pytest.approx(np.mean(errors) / outcomes.persistence)


def test_overall_counts_every_day_once(outcomes):
    summary = summarise(outcomes, (1,))
    years = [cells["1"]["days"] for cells in summary["years"].values()]
    assert summary["overall"]["1"]["days"] == sum(years)


def test_a_year_without_an_outcome_is_none_and_not_nan(outcomes, broken):
    last = collect_outcomes(broken, np.array([len(broken.table) - 1]), outcomes.quantiles[-1:])
    cell = summarise(last, (1,))["overall"]["1"]
    assert cell["days"] == 0
    assert cell["relative_wis"] is None


def test_the_scale_of_mase_is_of_changes_from_one_day_to_the_next_and_not_across_a_long_hole(
    outcomes, broken_grid, broken
):
    last = len(broken_grid) - 1
    steps = [
        abs(after.close - before.close)
        for before, after in pairwise(broken_grid.itertuples())
        if before.segment == after.segment and not after.filled
    ]
    walk = collect_outcomes(broken, np.array([last]), outcomes.quantiles[-1:])
    assert walk.persistence == pytest.approx(np.mean(steps), rel=1e-12)


def test_figures_draw_what_they_are_given(outcomes):
    summary = summarise(outcomes, (1,))
    gained = cumulative_figure(outcomes, horizon=1).axes[0].lines[0].get_ydata()
    own, walk = outcomes.scores(1)
    assert gained[-1] == pytest.approx(np.nansum(walk - own))
    heights = [patch.get_height() for patch in pit_figure(outcomes, horizon=1).axes[0].patches]
    assert sum(heights) == pytest.approx(100)
    lines = coverage_figure(summary, horizon=1).axes[0].lines
    drawn = {line.get_label(): list(line.get_ydata()) for line in lines if line.get_label().endswith("%")}
    assert drawn["80 %"] == [cells["1"]["coverage_80_pct"] for cells in summary["years"].values()]
    fan = fan_figure(outcomes, title="x").axes[0]
    assert fan.lines[0].get_ydata()[-1] == outcomes.close[-1]
    assert len(fan.collections) == 3
