from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
import scoringrules

from pipeline.forecasts.quantiles import LEVELS
from pipeline.scores.outcomes import complete_closes, outcomes


def candles(closes: list[float], **columns: list[bool]) -> pd.DataFrame:
    days = pd.date_range("2026-03-28", periods=len(closes), unit="us")
    return pd.DataFrame({"date": days, "close": closes, **columns})


def test_only_days_that_are_over_have_a_close() -> None:
    table = candles([1.0, 2.0, 3.0])
    before = complete_closes(table, now=datetime(2026, 3, 29, 23, 59, 59, tzinfo=UTC))
    assert before == {date(2026, 3, 28): 1.0}
    at = complete_closes(table, now=datetime(2026, 3, 30, tzinfo=UTC))
    assert at == {date(2026, 3, 28): 1.0, date(2026, 3, 29): 2.0}


def test_filled_days_and_impossible_closes_are_no_truth() -> None:
    table = candles([1.0, np.nan, 0.0, 4.0, 5.0], filled=[False, False, False, True, False])
    assert complete_closes(table, now=datetime(2027, 1, 1, tzinfo=UTC)) == {
        date(2026, 3, 28): 1.0,
        date(2026, 4, 1): 5.0,
    }


def test_scores_agree_with_an_independent_library() -> None:
    generator = np.random.default_rng(1)
    last = generator.uniform(0.01, 60_000, 200)
    returns = np.sort(generator.normal(0, 0.04, (200, 23)), axis=1)
    actual = last * np.exp(generator.standard_t(3, 200) * 0.04)
    found = outcomes(last[:, None] * np.exp(returns), last_close=last, actual=actual)
    happened = np.log(actual / last)
    losses = [scoringrules.quantile_score(happened, returns[:, k], level) for k, level in enumerate(LEVELS)]
    np.testing.assert_allclose(found["wis"], 2 * np.mean(losses, axis=0), rtol=1e-9)
    np.testing.assert_allclose(
        found["absolute_error"], np.abs(actual - last * np.exp(returns[:, 11])), rtol=1e-9
    )
    np.testing.assert_array_equal(found["hit_80"], (happened >= returns[:, 3]) & (happened <= returns[:, 19]))


@pytest.mark.parametrize(("actual", "held"), [(90.0, True), (110.0, True), (89.999, False), (110.001, False)])
def test_both_ends_belong_to_a_range(actual: float, held: bool) -> None:
    edges = np.array([[90.0] * 11 + [100.0] + [110.0] * 11])
    assert outcomes(edges, last_close=np.array([100.0]), actual=np.array([actual]))["hit_95"][0] == held


def test_the_wis_does_not_depend_on_the_last_close() -> None:
    quantiles, actual = np.linspace(90, 110, 23)[None], np.array([103.0])
    scores = [
        outcomes(quantiles, last_close=np.array([close]), actual=actual)["wis"][0] for close in (90.0, 120.0)
    ]
    assert scores[0] == pytest.approx(scores[1])
