"""Laws of paired differences, and an oracle that knows nothing of the product's arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.scores.differences import Difference, paired_difference
from pipeline.scores.formulas import diebold_mariano

losses = st.integers(30, 90).flatmap(
    lambda n: st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).gamma(2, 0.01, (3, n)))
)
horizons = st.integers(1, 7)


def naive(own: np.ndarray, other: np.ndarray, walk: np.ndarray, horizon: int) -> tuple[float, float]:
    """Value and error of whole days by a Bartlett kernel over the full matrix of products."""
    difference = (own - other) / walk.mean()
    centred = difference - difference.mean()
    lags = np.abs(np.subtract.outer(np.arange(len(own)), np.arange(len(own))))
    kernel = np.clip(1 - lags / horizon, 0, None)
    return difference.mean(), math.sqrt(centred @ kernel @ centred) / len(own)


@given(values=losses, horizon=horizons)
def test_it_is_what_plain_arithmetic_says(values: np.ndarray, horizon: int) -> None:
    found = paired_difference(*values, horizon=horizon)
    assert (found.value, found.error) == pytest.approx(naive(*values, horizon), rel=1e-9)
    assert found.days == values.shape[1]


@given(values=losses, horizon=horizons)
def test_swapping_the_two_flips_the_sign_and_nothing_else(values: np.ndarray, horizon: int) -> None:
    own, other, walk = values
    found, swapped = (
        paired_difference(*pair, walk, horizon=horizon) for pair in ((own, other), (other, own))
    )
    assert (swapped.value, swapped.error) == pytest.approx((-found.value, found.error))
    turned = {"better": "worse", "worse": "better"}
    assert swapped.words == turned.get(found.words, found.words)


@given(values=losses, horizon=horizons, scale=st.floats(1e-3, 1e3))
def test_the_unit_of_the_scores_does_not_matter(values: np.ndarray, horizon: int, scale: float) -> None:
    found, scaled = (paired_difference(*one, horizon=horizon) for one in (values, scale * values))
    assert tuple(scaled) == pytest.approx(tuple(found), rel=1e-9)


@given(values=losses, horizon=horizons, data=st.data())
def test_a_day_that_one_lacks_changes_nothing(values: np.ndarray, horizon: int, data: st.DataObject) -> None:
    count = values.shape[1]
    days = data.draw(st.lists(st.integers(0, count), max_size=20))
    lacking = np.insert(values, days, 5.0, axis=1)
    added = np.flatnonzero(lacking[0] == 5.0)
    who = data.draw(st.lists(st.integers(0, 2), min_size=len(added), max_size=len(added)))
    lacking[who, added] = np.nan
    assert paired_difference(*lacking, horizon=horizon) == paired_difference(*values, horizon=horizon)


@given(values=losses, horizon=horizons)
def test_against_the_random_walk_it_is_the_ratio_and_the_test(values: np.ndarray, horizon: int) -> None:
    own, _, walk = values
    found = paired_difference(own, walk, walk, horizon=horizon)
    test = diebold_mariano(own, walk, horizon=horizon)
    assume(math.isfinite(test.t))
    assert found.value == pytest.approx(own.mean() / walk.mean() - 1)
    assert found.value / found.error == pytest.approx(-test.t)


@pytest.mark.parametrize(
    ("found", "figures", "ratio", "words"),
    [
        (Difference(-0.025, 0.0035, 365), "−0.0250 ± 0.0035", "0.9750 ± 0.0035", "better"),
        (Difference(0.025, 0.0035, 365), "+0.0250 ± 0.0035", "1.0250 ± 0.0035", "worse"),
        (Difference(-0.007, 0.0035, 365), "−0.0070 ± 0.0035", "0.9930 ± 0.0035", "no clear difference"),
        (Difference(0.0, math.nan, 30), "+0.0000", "1.0000", "no clear difference"),
        (Difference(-0.9, math.nan, 29), "– (29 days)", "0.1000", "too few days"),
        (Difference(-0.9, math.nan, 1), "– (1 day)", "0.1000", "too few days"),
        (Difference(math.nan, math.nan, 0), "– (0 days)", "–", "too few days"),
    ],
)
def test_what_lies_within_two_standard_errors_is_not_called_better(
    found: Difference, figures: str, ratio: str, words: str
) -> None:
    assert (found.figures, found.ratio, found.words) == (figures, ratio, words)


def test_two_days_have_no_error() -> None:
    found = paired_difference(np.array([1.0, 2.0]), np.array([1.5, 2.5]), np.ones(2))
    assert (found.value, found.days, found.words) == (-0.5, 2, "too few days")
    assert math.isnan(found.error)
    assert paired_difference(np.ones(40), np.zeros(40), np.zeros(40)).days == 40
    assert math.isnan(paired_difference(np.ones(40), np.zeros(40), np.zeros(40)).value)
