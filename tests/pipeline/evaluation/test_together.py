from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.comparison import RANDOM_WALK, Outcome
from pipeline.evaluation.together import rank_together
from pipeline.point.framing import AS_WRITTEN

DAYS = pd.date_range("2024-01-01", periods=40)
ACTUAL = 100 + np.arange(40.0)


def outcome(
    name: str,
    wrong_by: Sequence[float],
    *,
    wis: Sequence[float] | None = None,
    seed: int | None = 1,
    first: int = 0,
) -> Outcome:
    """Says each close wrong by so much; from place `first` on."""
    table = pd.DataFrame(
        {
            "date": DAYS,
            "part": "test",
            "actual": ACTUAL,
            "predicted": ACTUAL + np.resize(wrong_by, 40),
            "random_walk": ACTUAL - 1,
        }
    )
    if wis is not None:
        table["wis"] = np.resize(wis, 40)
    table.loc[: first - 1, "predicted"] = np.nan
    return Outcome(name, "leak-free", name, seed, {}, table=table, seconds=2.0, predict_seconds=0.5)


WALK = outcome(RANDOM_WALK, [-1.0], wis=[0.02], seed=None)


def test_ranges_stand_before_points_and_each_has_what_it_has() -> None:
    board = rank_together(
        [outcome("point", [0.5]), outcome("worse", [9.0]), outcome("range", [1.0], wis=[0.01, 0.015]), WALK]
    )
    rows = board.as_values()["rows"]
    assert [(row["rank"], row["recipe"]) for row in rows] == [
        (1, "range"),
        (2, RANDOM_WALK),
        (3, "point"),
        (4, "worse"),
    ]
    best, walk, point, _ = rows
    assert best["wis"] == pytest.approx(0.0125)
    # Differences from the walk's are −0.01 and −0.005 in turn: a standard deviation of 0.0025 over √40.
    assert best["wis_error"] == pytest.approx(0.0025 / np.sqrt(40))
    assert (best["fit_seconds"], best["predict_seconds"]) == (2.0, 0.5)
    assert point["wis"] is None
    assert point["mse_price"] == pytest.approx(0.25)
    assert point["mape_price_pct"] == pytest.approx(np.mean([50 / actual for actual in ACTUAL]))
    assert walk["mse_price_error"] is None


def test_seeds_are_averaged_day_by_day() -> None:
    (_, row) = rank_together([outcome("a", [1.0], seed=1), outcome("a", [3.0], seed=2), WALK]).as_values()[
        "rows"
    ]
    assert (row["recipe"], row["seeds"], row["mse_price"]) == ("a", 2, pytest.approx(5.0))


def test_all_are_scored_on_the_days_that_all_have() -> None:
    late = outcome("late", [1.0], first=25)
    wrong_early = outcome("wrong-early", [*[50.0] * 25, *[1.0] * 15])
    board = rank_together([late, wrong_early, WALK])
    assert (len(board.days), str(board.days[0])) == (15, "2024-01-26")
    assert {row["mse_price"] for row in board.as_values()["rows"]} == {1.0}
    # Too few days for an error.
    assert {row["mse_price_error"] for row in board.as_values()["rows"]} == {None}


def test_without_a_common_day_nothing_is_ranked() -> None:
    early = outcome("early", [1.0])
    early.table.loc[20:, "predicted"] = np.nan
    for outcomes in ([early, outcome("late", [1.0], first=20)], []):
        board = rank_together(outcomes)
        assert board.as_values() == {"days": 0, "first": None, "last": None, "rows": []}


def test_what_repeats_a_leak_is_not_among_them() -> None:
    from dataclasses import replace

    leaking = replace(outcome("leaking", [0.0]), variant=AS_WRITTEN)
    board = rank_together([leaking, outcome("honest", [2.0]), WALK])
    assert [place.recipe for place in board.places] == [RANDOM_WALK, "honest"]
