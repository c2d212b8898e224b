"""The gate on real fits of simulated markets: one that learned from shuffled labels does not pass."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from pipeline.candles import daily_grid
from pipeline.evaluation.gate import FIT_DAYS, RECORD_DAYS, Decision, FitShape, Roles, decide
from pipeline.evaluation.gate_evidence import response
from pipeline.evaluation.trial import Trial, fit_baselines, try_models
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit
from pipeline.simulation import simulate_candles

pytestmark = pytest.mark.slow

Shuffle = Callable[..., FeatureGrid]
AS_OF = date(2026, 3, 29)
HAR, CANDIDATE, EWMA = "coincast-har_range", "coincast-candidate", "coincast-ewma_range"


def trial(grid: FeatureGrid, *, days: int, candidate: str, shuffle: Shuffle | None) -> Trial:
    fit_day = AS_OF - timedelta(days=days)
    seen = shuffle(grid, until=fit_day) if shuffle else grid
    models = {model.model_id: model for model in fit_baselines(grid, as_of=fit_day, seed=1)}
    models[CANDIDATE] = fit(find_recipe(candidate), seen, as_of=fit_day, seed=1)
    return try_models(models, grid, as_of=AS_OF, days=days)


def judge(seed: int, *, candidate: str, shuffle: Shuffle | None) -> Decision:
    candles = simulate_candles(seed=seed, first=date(2021, 1, 1), last=AS_OF, price=5e4)
    grid = FeatureGrid.of(daily_grid(candles))
    on_fit, on_record = (
        trial(grid, days=days, candidate=candidate, shuffle=shuffle) for days in (FIT_DAYS, RECORD_DAYS)
    )
    return decide(
        on_fit.scores(CANDIDATE, EWMA),
        on_record.scores(CANDIDATE, EWMA),
        roles=Roles(CANDIDATE, EWMA, CANDIDATE),
        shape=FitShape(response=response(on_fit.quantiles[CANDIDATE], on_fit.quantiles[HAR])),
    )


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_labels_are_refused_and_the_reason_is_said(seed: int, shuffle_days: Shuffle) -> None:
    decision = judge(seed, candidate="har-range", shuffle=shuffle_days)
    assert not decision.promote
    assert decision.publish != CANDIDATE
    assert any(reason.startswith("Its ranges do not follow the market") for reason in decision.reasons)


def test_a_sound_fit_is_found_sound() -> None:
    assert judge(0, candidate="har-range", shuffle=None).figures["fit_sound"] == 1


def test_a_network_that_learned_from_shuffled_labels_is_refused(shuffle_days: Shuffle) -> None:
    decision = judge(0, candidate="tiny-range", shuffle=shuffle_days)
    assert not decision.promote
    assert decision.reasons[0].startswith("On ") or decision.reasons[0].startswith("Its ranges do not follow")
