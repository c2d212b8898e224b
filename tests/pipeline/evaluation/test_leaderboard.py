from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.comparison import RANDOM_WALK, Outcome
from pipeline.evaluation.leaderboard import Spread, in_words, rank
from pipeline.point.framing import LEAK_FREE
from pipeline.scores.formulas import diebold_mariano

DAYS = 300


def outcome(
    recipe: str, seed: int | None, *, error: float, metrics: dict[str, float] | None = None
) -> Outcome:
    """A forecast that is off by ± `error` of a price whose last close is off by ± 1."""
    chance = np.random.default_rng((seed or 0) + 100)
    actual = 100.0 + np.arange(DAYS)
    signs = chance.choice([-1.0, 1.0], DAYS) * chance.uniform(0.5, 1.5, DAYS)
    walk = actual - np.random.default_rng(0).choice([-1.0, 1.0], DAYS)
    predicted = walk if recipe == RANDOM_WALK else actual + error * signs
    skill = 1 - ((predicted - actual) ** 2).mean() / ((walk - actual) ** 2).mean()
    table = pd.DataFrame(
        {
            "date": pd.date_range("2020-01-01", periods=DAYS),
            "part": "test",
            "actual": actual,
            "predicted": predicted,
            "random_walk": walk,
        }
    )
    scores = {"skill_vs_random_walk": float(skill)} | (metrics or {})
    return Outcome(recipe, LEAK_FREE, "300 days", seed, scores, table=table)


def test_recipes_are_ranked_by_skill_and_spread_over_seeds() -> None:
    outcomes = [
        outcome("bad", 1, error=3.0, metrics={"test_mase": 1.0}),
        outcome("bad", 2, error=3.0, metrics={"test_mase": 2.0}),
        outcome(RANDOM_WALK, None, error=1.0),
        outcome("good", 1, error=0.5),
    ]
    standings = rank(outcomes)
    assert [(s.rank, s.recipe) for s in standings] == [(1, "good"), (2, RANDOM_WALK), (3, "bad")]
    bad = standings[2]
    assert bad.seeds == (1, 2)
    assert bad.metrics["test_mase"].mean == 1.5
    assert bad.metrics["test_mase"].spread == pytest.approx(np.std([1, 2], ddof=1))
    assert standings[0].metrics["skill_vs_random_walk"].spread is None


def test_verdicts_say_it_in_words_with_the_tests_p() -> None:
    good, walk, bad = rank(
        [outcome("bad", 1, error=3.0), outcome(RANDOM_WALK, None, error=1.0), outcome("good", 1, error=0.5)]
    )
    assert good.verdict == "better than the random walk (Diebold–Mariano p < 0.001)"
    assert walk.verdict == "the baseline"
    assert walk.p is None
    assert bad.verdict.startswith("not better: worse than the random walk")


def test_p_is_of_the_losses_averaged_over_seeds() -> None:
    pair = [outcome("some", 1, error=0.9), outcome("some", 2, error=1.1)]
    (standing,) = rank(pair)
    squared = [((o.table["predicted"] - o.table["actual"]) ** 2).to_numpy() for o in pair]
    walk = ((pair[0].table["random_walk"] - pair[0].table["actual"]) ** 2).to_numpy()
    assert standing.p == diebold_mariano((squared[0] + squared[1]) / 2, walk).p


@pytest.mark.parametrize(
    ("skill", "p", "words"),
    [
        (0.1, 0.01, "better than the random walk (Diebold–Mariano p = 0.01)"),
        (
            0.1,
            0.4,
            "lower error than the random walk on these days, but not beyond chance (Diebold–Mariano p = 0.4)",
        ),
        (-0.1, 0.4, "not better than the random walk (Diebold–Mariano p = 0.4)"),
        (-0.1, 0.001, "not better: worse than the random walk (Diebold–Mariano p = 0.001)"),
        (0.0, None, "the same as the random walk"),
        (0.0, 1.0, "not better than the random walk (Diebold–Mariano p = 1)"),
        (
            -0.1,
            None,
            "not better than the random walk (no test possible: too few days, or the same difference on each)",
        ),
        (
            0.1,
            None,
            "lower error than the random walk on these days, but not beyond chance "
            "(no test possible: too few days, or the same difference on each)",
        ),
    ],
)
def test_words(skill: float, p: float | None, words: str) -> None:
    assert in_words(skill, p) == words


def test_one_test_day_is_not_the_same_as_the_random_walk() -> None:
    whole = outcome("bad", 1, error=3.0)
    (standing,) = rank([replace(whole, table=whole.table.head(1))])
    assert standing.p is None
    assert standing.verdict.startswith("not better than the random walk (no test possible")


def test_the_last_close_under_another_name_is_the_same_as_the_random_walk() -> None:
    (standing,) = rank([replace(outcome(RANDOM_WALK, None, error=1.0), recipe="copy")])
    assert (standing.p, standing.verdict) == (None, "the same as the random walk")


def test_a_spread_reads_as_mean_and_deviation() -> None:
    assert str(Spread(0.012345, 0.00067)) == "0.01235 ± 0.00067"
    assert str(Spread(2.0, None)) == "2"
