"""Paired differences: the laws of a difference, and an error that is the textbook's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forecasts.quantiles import FloatArray
from pipeline.scores.formulas import diebold_mariano
from pipeline.scores.paired import FEWEST_TESTED, PairedDifference, paired_difference

losses = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).gamma(2, 0.01, (3, 90)))
horizons = st.integers(1, 7)


@given(losses, horizons)
def test_turned_round_it_has_the_other_sign_and_the_same_error(three: FloatArray, horizon: int) -> None:
    own, other, walk = three
    there, back = (paired_difference(*pair, walk, horizon=horizon) for pair in ((own, other), (other, own)))
    assert back.difference == pytest.approx(-there.difference)
    assert back.error == pytest.approx(there.error, nan_ok=True)


@given(losses, horizons, st.floats(0.01, 100))
def test_the_unit_of_the_scores_does_not_matter(three: FloatArray, horizon: int, scale: float) -> None:
    as_given, scaled = (paired_difference(*losses, horizon=horizon) for losses in (three, scale * three))
    assert scaled.difference == pytest.approx(as_given.difference)
    assert scaled.error == pytest.approx(as_given.error, nan_ok=True)


@given(losses, horizons)
def test_beside_the_random_walk_it_is_the_test_of_diebold_and_mariano(
    three: FloatArray, horizon: int
) -> None:
    own, _, walk = three
    paired = paired_difference(own, walk, walk, horizon=horizon)
    assert paired.difference == pytest.approx(own.mean() / walk.mean() - 1)
    t = diebold_mariano(own, walk, horizon=horizon).t
    assert -paired.difference / paired.error == pytest.approx(t, nan_ok=True)


@given(losses, st.sets(st.integers(0, 89), max_size=50), st.integers(0, 2))
def test_a_day_that_one_lacks_counts_for_none(three: FloatArray, gone: set[int], who: int) -> None:
    holed = three.copy()
    holed[who, list(gone)] = np.nan
    cut = np.delete(three, list(gone), axis=1)
    assert paired_difference(*holed, horizon=1) == paired_difference(*cut, horizon=1)


def test_the_error_is_that_of_newey_and_west_written_out() -> None:
    own, other, walk = np.random.default_rng(3).gamma(2, 0.01, (3, 200))
    d, n = own - other, 200
    centred = d - d.mean()
    variance = sum(one * one for one in centred) / n
    for k in (1, 2):
        variance += 2 * (1 - k / 3) * sum(centred[i] * centred[i - k] for i in range(k, n)) / n
    paired = paired_difference(own, other, walk, horizon=3)
    assert paired.error == pytest.approx((variance / n) ** 0.5 / walk.mean())


@pytest.mark.parametrize(
    ("difference", "error", "n", "verdict", "text"),
    [
        (-0.01, 0.004, 400, "better", "−0.0100 ± 0.0040"),
        (-0.01, 0.006, 400, "not clear", "−0.0100 ± 0.0060"),
        (0.01, 0.004, 400, "worse", "+0.0100 ± 0.0040"),
        (-0.5, np.nan, 2, "too early", "−0.5000"),
        (0.0, np.nan, 400, "equal", "+0.0000"),
        (np.nan, np.nan, 0, "too early", "–"),
    ],
)
def test_what_is_said_of_it(difference: float, error: float, n: int, verdict: str, text: str) -> None:
    paired = PairedDifference(n, difference, error)
    assert (paired.verdict, paired.text) == (verdict, text)


def test_a_narrow_column_has_it_in_ten_thousandths() -> None:
    assert PairedDifference(400, -0.0069, 0.0011).ten_thousandths == "−69 ± 11"
    assert PairedDifference(2, 0.5, np.nan).ten_thousandths == "+5000"
    assert PairedDifference(0, np.nan, np.nan).ten_thousandths == "–"


def test_two_days_prove_nothing() -> None:
    own, other, walk = np.random.default_rng(1).gamma(2, 0.01, (3, FEWEST_TESTED - 1))
    assert paired_difference(own, own + 1, walk, horizon=1).verdict == "too early"
    assert np.isnan(paired_difference(own, other, walk, horizon=1).error)
