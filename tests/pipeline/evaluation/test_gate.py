"""The gate on markets whose truth is known: how often it errs, and that it says why."""

import math
from dataclasses import replace
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest

from pipeline.evaluation.gate import FIT_DAYS, Decision, FitShape, Roles, decide
from pipeline.evaluation.gate_evidence import Scores, daily_scores, fit_difference, relative_score, response
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, FloatArray
from pipeline.scores.formulas import weighted_interval_score

WORLDS = 40
DAYS = 365
OURS, THEIRS, WALK = "coincast-range_lstm", "coincast-gru_range", "coincast-random_walk"
# Of a unit normal variable, by the standard library: independent of the code under test.
SHAPE = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


@cache
def world(seed: int) -> dict[str, FloatArray]:
    """Daily scores in a market with volatility clusters, of forecasters whose quality is known.

    `champion`, `equal` and `har` know the deviation up to independent errors of 15 %; `shuffled` learned
    from shuffled labels, so all it knows is the long run; `walk` takes the deviation of the last year.
    """
    chance = np.random.default_rng(seed)
    length = 365 + DAYS
    level = np.zeros(length)
    for day in range(1, length):
        level[day] = 0.97 * level[day - 1] + 0.085 * chance.normal()
    deviation = 0.025 * np.exp(level)
    returns = deviation * chance.normal(size=length)
    last_year = np.sqrt(
        [np.mean(returns[max(day - 365, 0) : day] ** 2) if day > 30 else 0.025**2 for day in range(length)]
    )
    forecasts = {
        name: deviation * np.exp(0.15 * chance.normal(size=length)) for name in ("champion", "equal", "har")
    }
    forecasts |= {"shuffled": np.full(length, 0.025 * math.exp(0.35**2 / 2)), "walk": last_year}
    return {
        name: weighted_interval_score(returns, width[:, None] * SHAPE)[-DAYS:]
        for name, width in forecasts.items()
    }


def verdict(
    seed: int,
    candidate: FloatArray | str,
    *,
    name: str = OURS,
    champion: str = THEIRS,
    published: str = THEIRS,
) -> Decision:
    scores = world(seed)
    record = Scores(
        candidate=scores[candidate] if isinstance(candidate, str) else candidate,
        random_walk=scores["walk"],
        har_range=scores["har"],
        champion=scores["champion"],
    )
    fit = Scores(**{part: values[-FIT_DAYS:] for part, values in vars(record).items()})
    return decide(fit, record, roles=Roles(name, champion, published), shape=FitShape())


@pytest.mark.slow
def test_a_challenger_of_the_same_recipe_with_shuffled_labels_is_always_refused_and_told_why() -> None:
    for seed in range(WORLDS):
        decision = verdict(seed, "shuffled", name=THEIRS)
        assert not decision.promote
        assert any("same recipe fitted for the champion" in reason for reason in decision.reasons)


@pytest.mark.slow
def test_a_recipe_with_shuffled_labels_is_nearly_always_refused() -> None:
    promoted = [verdict(seed, "shuffled").promote for seed in range(WORLDS)]
    assert np.mean(promoted) <= 0.10


def test_a_recipe_five_percent_worse_is_always_refused() -> None:
    assert not any(verdict(seed, 1.05 * world(seed)["equal"]).promote for seed in range(WORLDS))


@pytest.mark.slow
def test_the_same_fit_again_is_promoted_wherever_it_beats_the_random_walk() -> None:
    for seed in range(WORLDS):
        decision = verdict(seed, "champion", name=THEIRS)
        assert decision.promote == (decision.figures["record_to_random_walk"] < 1)
        assert decision.figures["fit_to_champion"] == 1
        assert decision.figures["fit_to_champion_sure"] == 0.5


@pytest.mark.slow
def test_an_equal_recipe_is_promoted_and_not_taken_for_worse() -> None:
    decisions = [verdict(seed, "equal") for seed in range(WORLDS)]
    assert np.mean([decision.promote for decision in decisions]) >= 0.8
    called_worse = [any("worse than" in reason for reason in decision.reasons) for decision in decisions]
    assert np.mean(called_worse) <= 0.1


@pytest.mark.slow
def test_noise_does_not_flip_what_is_published() -> None:
    """Half a year of decisions, each winner being the next one's champion."""
    changes = 0
    for seed in range(5):
        scores = world(seed)
        champion, published = THEIRS, THEIRS
        for day in range(180, DAYS, 6):
            seen = {name: values[:day] for name, values in scores.items()}
            record = Scores(seen["equal"], seen["walk"], seen["har"], seen["champion"])
            if champion == OURS:
                record = replace(record, champion=seen["equal"])
            decision = decide(record, record, roles=Roles(OURS, champion, published), shape=FitShape())
            champion = OURS if decision.promote else champion
            changes += decision.publish != published
            published = decision.publish
    assert changes <= 2 * 5


def test_where_nothing_beats_the_random_walk_it_is_published_and_said() -> None:
    walk = world(3)["walk"]
    worse = Scores(candidate=1.01 * walk, random_walk=walk, har_range=1.02 * walk, champion=1.01 * walk)
    decision = decide(worse, worse, roles=Roles(OURS, OURS, OURS), shape=FitShape())
    assert (decision.promote, decision.publish) == (False, WALK)
    assert decision.reasons[-1] == "Nothing beats the random walk: the random walk is published."
    assert any("does not beat the random walk: 1.010 of its score" in reason for reason in decision.reasons)


def test_a_refused_fit_leaves_the_champion_in_place() -> None:
    walk = world(3)["walk"]
    scores = Scores(candidate=1.2 * walk, random_walk=walk, har_range=0.97 * walk, champion=0.95 * walk)
    decision = decide(scores, scores, roles=Roles(OURS, THEIRS, THEIRS), shape=FitShape())
    assert (decision.promote, decision.publish) == (False, THEIRS)
    assert decision.reasons[-1] == f"The champion stays: {THEIRS}."


def test_an_unsound_fit_of_the_champions_recipe_leaves_the_champion_published() -> None:
    scores = world(0)
    record = Scores(scores["champion"], scores["walk"], scores["har"], None)
    fit = Scores(
        **{part: None if values is None else values[-FIT_DAYS:] for part, values in vars(record).items()}
    )
    decision = decide(
        fit, record, roles=Roles(OURS, OURS, OURS), shape=FitShape(difference=9.0, response=1.0)
    )
    assert (decision.promote, decision.publish) == (False, OURS)
    assert decision.reasons[-1] == f"The champion stays: {OURS}."


def test_a_champion_that_a_rollback_put_back_is_held() -> None:
    scores = world(0)
    record = Scores(scores["champion"], scores["walk"], scores["har"], None)
    fit = Scores(
        **{part: None if values is None else values[-FIT_DAYS:] for part, values in vars(record).items()}
    )
    free, held = (
        decide(fit, record, roles=Roles(OURS, OURS, OURS, held=held), shape=FitShape())
        for held in (False, True)
    )
    assert (free.promote, held.promote, held.publish) == (True, False, OURS)
    assert "coincast models promote" in held.reasons[0]
    assert held.figures["fit_sound"] == 1


def test_the_first_fit_needs_no_champion() -> None:
    walk = world(3)["walk"]
    scores = Scores(candidate=0.9 * walk, random_walk=walk, har_range=walk)
    decision = decide(scores, scores, roles=Roles(OURS), shape=FitShape())
    assert (decision.promote, decision.publish) == (True, OURS)
    assert "fit_to_champion" not in decision.figures


def test_what_is_published_stays_until_its_mean_is_no_better_than_the_random_walks() -> None:
    chance = np.random.default_rng(1)
    walk = chance.lognormal(size=DAYS)
    ours = walk * np.exp(0.3 * chance.normal(size=DAYS))
    ours *= 0.998 * walk.mean() / ours.mean()
    scores = Scores(candidate=ours, random_walk=walk, har_range=walk)
    figures = decide(scores, scores, roles=Roles(OURS), shape=FitShape()).figures
    assert figures["record_to_random_walk"] < 1
    assert figures["record_to_random_walk_sure"] > 0.2
    assert not decide(scores, scores, roles=Roles(OURS), shape=FitShape()).promote
    assert decide(scores, scores, roles=Roles(OURS, None, OURS), shape=FitShape()).promote


@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0])
def test_scores_that_are_not_there_refuse(broken: float) -> None:
    walk = world(3)["walk"]
    scores = Scores(candidate=np.full(DAYS, broken), random_walk=walk, har_range=walk)
    decision = decide(scores, scores, roles=Roles(OURS), shape=FitShape())
    assert (decision.promote, decision.publish) == (False, WALK)
    assert decision.reasons[0] == "The fit could be judged on 0 days; 60 are needed."


@pytest.mark.parametrize("difference", [1.5, np.nan, np.inf])
def test_a_full_fit_unlike_the_judged_one_is_refused(difference: float) -> None:
    walk = world(3)["walk"]
    scores = Scores(candidate=0.9 * walk, random_walk=walk, har_range=walk)
    decision = decide(scores, scores, roles=Roles(OURS), shape=FitShape(difference=difference))
    assert not decision.promote
    assert "range widths from the judged one" in decision.reasons[0]
    assert all(math.isfinite(value) for value in decision.figures.values())


@pytest.mark.parametrize("answer", [0.14, -1.0, np.nan])
def test_ranges_that_do_not_follow_the_market_are_refused(answer: float) -> None:
    walk = world(3)["walk"]
    scores = Scores(candidate=0.9 * walk, random_walk=walk, har_range=walk)
    decision = decide(scores, scores, roles=Roles(OURS), shape=FitShape(response=answer))
    assert not decision.promote
    assert decision.reasons[0].startswith("Its ranges do not follow the market")


def test_a_fit_unlike_its_recipe_is_refused() -> None:
    walk = world(3)["walk"]
    scores = Scores(candidate=0.95 * walk, random_walk=walk, har_range=walk)
    usual = [{"fit_to_har_range": 0.90 + day / 1000, "fit_distance_to_har_range": 0.1} for day in range(5)]
    decision = decide(scores, scores, roles=Roles(OURS), shape=FitShape(), reference=usual)
    assert (
        decision.reasons[0]
        == "Its score against har-range is 0.950; the recipe's reference distribution ends at 0.927."
    )
    assert decide(scores, scores, roles=Roles(OURS), shape=FitShape(), reference=usual[:4]).promote


def test_a_decision_says_the_same_each_time_and_as_tags() -> None:
    first, second = (verdict(1, "equal") for _ in range(2))
    assert first == second
    tags = first.as_tags()
    assert tags["gate"] == "promoted"
    assert float(tags["gate_fit_to_har_range"]) == pytest.approx(first.figures["fit_to_har_range"], rel=1e-5)
    assert "gate_record_to_champion" not in tags, "that is in the decision's row and in gate.json"
    assert first.as_dict()["reasons"] == list(first.reasons)


def test_how_sure_agrees_with_drawing_blocks_one_by_one() -> None:
    chance = np.random.default_rng(5)
    scores, others = chance.lognormal(size=61), chance.lognormal(size=61)
    ratio, sure = relative_score(scores, others, seed=9, block_days=7)
    blocks = np.random.default_rng(9).integers(0, 61, (2000, 9))
    above = 0
    for starts in blocks:
        days = [(start + step) % 61 for start in starts for step in range(7)]
        above += sum(scores[day] for day in days) > sum(others[day] for day in days)
    assert ratio == pytest.approx(sum(scores) / sum(others))
    assert sure == pytest.approx(above / 2000)


def test_daily_scores_and_difference_against_plain_loops() -> None:
    chance = np.random.default_rng(2)
    wis = chance.lognormal(size=(4, 7))
    assert daily_scores(wis) == pytest.approx(
        [sum(wis[day, h - 1] / math.sqrt(h) for h in HORIZONS) / 7 for day in range(4)]
    )
    wis[1, 3:] = np.nan
    wis[2] = np.nan
    assert daily_scores(wis)[1] == pytest.approx(sum(wis[1, h - 1] / math.sqrt(h) for h in (1, 2, 3)) / 3)
    assert math.isnan(daily_scores(wis)[2])
    judged = np.sort(chance.normal(size=(3, 7, 23)), axis=-1)
    full = judged + chance.normal(size=(3, 7, 23)) / 10
    low, high = LEVELS.index(0.1), LEVELS.index(0.9)
    expected = [
        max(abs(full[d, h, q] - judged[d, h, q]) for q in range(23))
        / (judged[d, h, high] - judged[d, h, low])
        for d in range(3)
        for h in range(7)
    ]
    assert fit_difference(full, judged) == pytest.approx(sum(expected) / 21)
    assert fit_difference(judged, judged) == 0


def test_response_is_the_slope_of_log_widths() -> None:
    chance = np.random.default_rng(4)
    moves = chance.normal(size=(50, 1, 1))
    reference = np.exp(moves) * np.broadcast_to(SHAPE, (50, 7, 23))
    quantiles = np.exp(0.3 * moves + 1) * np.broadcast_to(SHAPE, (50, 7, 23))
    assert response(quantiles, reference) == pytest.approx(0.3)
    slope = np.polyfit(moves[:, 0, 0], 0.3 * moves[:, 0, 0] + 1, 1)[0]
    quantiles[7] = np.nan
    assert response(quantiles, reference) == pytest.approx(slope)
    assert math.isnan(response(quantiles, np.broadcast_to(SHAPE, (50, 7, 23))))
    assert math.isnan(response(np.full((50, 7, 23), np.nan), reference))
