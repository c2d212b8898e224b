"""The table of metrics: what each states, that every key is one of it, and that the docs list it."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from flows.studies.backtest import backtest_metrics
from pipeline.backfill.scores import leaderboard
from pipeline.evaluation.backtest import plan_spans, walk_span
from pipeline.evaluation.backtest_summary import collect_outcomes, summarise
from pipeline.evaluation.holdout import evaluate
from pipeline.forecasts.quantiles import COVERAGES, HORIZONS
from pipeline.models.catalogue import find_recipe
from pipeline.point.fitting import _CURVES
from pipeline.point.framing import frame
from pipeline.point.scores import score_points, score_random_walk
from pipeline.point.sweeping import validation_scores
from pipeline.recipes.points import GUIDE_LSTM
from pipeline.scores import metrics
from pipeline.scores.metrics import Metric, measure
from pipeline.scores.scored import Issued, Points, Prices

AS_OF = date(2024, 5, 31)
DOCS = Path(__file__).parents[3] / "docs" / "recipes.md"
GROUPS = [
    group for group in vars(metrics).values() if isinstance(group, tuple) and isinstance(group[0], Metric)
]
TABLE = {metric.name: metric for group in GROUPS for metric in (*group, metrics.SKILL)}
# What a key is of, before the metric's name; a horizon or a model after it.
OF = r"(random_walk_)?(test_|train_|validation_|epoch_train_|epoch_validation_|backtest_)?"


def known(key: str) -> bool:
    """Whether the key is a metric's name with what it is of."""
    return any(re.fullmatch(rf"{OF}{name}(_h\d)?", key) for name in TABLE)


def test_every_metric_states_unit_direction_title_and_formula():
    for name, metric in TABLE.items():
        assert all((metric.title, metric.unit, metric.description)), name
        assert name.endswith("_pct") == (metric.unit == "percent"), name
        assert (metric.direction == "reference") <= (metric.reference is not None), name
    assert all(TABLE[metric.name] == metric for group in GROUPS for metric in group)
    higher = {name for name, metric in TABLE.items() if metric.direction == "higher"}
    assert higher == {"direction_pct", "skill_vs_random_walk", "dm_t"}
    assert {metric.reference for metric in metrics.COVERAGE.values()} == {float(one) for one in COVERAGES}


def test_every_key_that_is_logged_is_in_the_table(simulated, simulated_grid):
    har = find_recipe("har-range")
    framing = frame(GUIDE_LSTM, simulated_grid)
    (span,) = plan_spans(simulated_grid, first=AS_OF, last=AS_OF, refit_every=1)
    said = walk_span(har, simulated, span, seed=1).quantiles
    summary = summarise(collect_outcomes(simulated, span.rows, said, said), HORIZONS)
    keys = {
        *evaluate(har, simulated, as_of=AS_OF, seed=1).metrics,
        *score_points(framing, framing.targets),
        *score_random_walk(framing),
        *validation_scores(framing, framing.targets),
        *backtest_metrics(summary),
        *(name for cell in summary["overall"].values() for name in cell),
        *_CURVES.values(),
    }
    assert len(keys) > 60
    assert [key for key in sorted(keys) if not known(key)] == []


def test_a_backfills_leaderboard_is_of_the_table():
    from pandas import DataFrame

    nothing = DataFrame(
        columns=["series", "as_of", "horizon", "mode", "model_id", "wis", "absolute_error", "hit_80"]
    )
    (row,) = leaderboard(nothing.astype({"wis": float}), models=["coincast-har_range"])
    assert set(row) - {"model_id", "n", "days"} == {metric.name for metric in metrics.LEADERBOARD}
    assert [row[metric.name] for metric in metrics.LEADERBOARD] == [None] * len(metrics.LEADERBOARD)


def test_the_docs_list_the_table():
    text = DOCS.read_text()
    better = {"reference": "the nominal one", "none": "–"}
    missing = [
        name
        for name, metric in TABLE.items()
        if f"| `{name}` | {metric.description} | {metric.unit} | {better.get(metric.direction, metric.direction)} |"
        not in text
    ]
    assert missing == []
    listed = set(re.findall(r"^\| `([a-z_0-9]+)` \| .* \| .* \| .* \|$", text, flags=re.MULTILINE))
    assert listed == set(TABLE)


def test_what_is_not_defined_is_left_out_and_shown_as_a_dash():
    nothing = np.array([])
    assert measure(metrics.VALIDATION, Prices(nothing, nothing, nothing, 1.0), of="validation_") == {
        "validation_days": 0
    }
    assert metrics.HIT_80.text(None) == "–"
    assert (metrics.HIT_80.text(0.805), metrics.RELATIVE_WIS.text(0.98765)) == ("80", "0.9877")


def test_each_function_is_its_formula_on_numbers_that_are_seen():
    prices = Prices(np.array([110.0, 90.0]), np.array([104.0, 98.0]), np.array([100.0, 100.0]), 4.0)
    values = measure([*metrics.PRICE, metrics.SKILL], prices)
    assert values == pytest.approx(
        {
            "mse_price": 50.0,
            "rmse_price": 50.0**0.5,
            "mae_price": 7.0,
            "mape_price_pct": 100 * (6 / 110 + 8 / 90) / 2,
            "mase": 7 / 4,
            "direction_pct": 100.0,
            "skill_vs_random_walk": 0.5,
        }
    )
    scaled = measure(metrics.SCALED, Points(np.array([2.0, 0.0]), np.array([1.0, 1.0])))
    assert scaled == {"mse_scaled": 1.0, "mape_scaled_pct": 50.0}
    rows = Issued(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([10.0, 30.0]), np.array([1.0, 0.0]))
    assert measure(metrics.LEADERBOARD, rows) == {
        "wis": 1.5,
        "relative_wis": 0.5,
        "absolute_error": 20.0,
        "hit_80": 0.5,
    }


def test_a_metric_is_frozen():
    with pytest.raises(AttributeError):
        metrics.MAE.name = "other"  # type: ignore[misc]
    assert isinstance(metrics.MAE, Metric)
