import re
from random import Random

import numpy as np
import pandas as pd
import pytest

from pipeline.comparison import outcome_of
from pipeline.errors import TrainingError
from pipeline.framing import Framing, frame
from pipeline.networks import build_network
from pipeline.point_fitting import PointFit, fit_point
from pipeline.recipes.point import PointRecipe
from pipeline.recipes.points import POINT_RECIPES

pytestmark = pytest.mark.slow
PARAMETERS = {
    "article-lstm": 4 * 256 * (1 + 256 + 1) + 257,
    "lecture-lstm": 4 * 256 * (1 + 256 + 1) + 4 * 512 * (256 + 512 + 1) + 4 * 512 * (512 + 512 + 1) + 513,
    "assignment-lstm": 4 * 200 * (1 + 200 + 1) + 201 * 100 + 101,
    "guide-lstm": 70901,
    "guide-rnn": 70601,
    "guide-mlp": 70829,
    "bidirectional-lstm": 2 * 4 * 50 * (1 + 50 + 1) + 2 * 4 * 100 * (100 + 100 + 1) + 201,
}


def small(**fitting: object) -> PointRecipe:
    return PointRecipe.model_validate(
        {
            "name": "small",
            "title": "small",
            "window": 4,
            "layers": [{"kind": "lstm", "units": 4}, {"kind": "dense", "units": 1}],
            "fitting": {"epochs": 3, "batch": 16} | fitting,
        }
    )


def framed(recipe: PointRecipe) -> Framing:
    chance = np.random.default_rng(5)
    days = pd.date_range("2021-01-01", periods=160, unit="us")
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.03, 160)))
    return frame(recipe, pd.DataFrame({"date": days, "close": close}))


@pytest.mark.parametrize("recipe", POINT_RECIPES, ids=lambda recipe: recipe.name)
def test_every_recipe_builds_with_the_parameters_its_text_implies(recipe: PointRecipe) -> None:
    network = build_network(recipe, Random(1))
    assert network.output_shape == (None, 1)
    if recipe.name in PARAMETERS:
        assert network.count_params() == PARAMETERS[recipe.name]
    for told in re.findall(r"([\d,]+) parameters to", " ".join(recipe.choices)):
        assert network.count_params() == int(told.replace(",", ""))


@pytest.mark.parametrize("recipe", POINT_RECIPES, ids=lambda recipe: recipe.name)
def test_weights_follow_from_the_chance_given_and_not_from_the_process(recipe: PointRecipe) -> None:
    first, again, other = (build_network(recipe, Random(seed)).get_weights() for seed in (1, 1, 2))
    assert [w.tobytes() for w in first] == [w.tobytes() for w in again]
    assert [w.tobytes() for w in first] != [w.tobytes() for w in other]
    matrices = [weights.tobytes() for weights in first if weights.ndim == 2]
    assert len(set(matrices)) == len(matrices), "two layers, or both directions of one, start alike"


def test_the_clips_reach_the_optimizer() -> None:
    by_norm = build_network(small(clip_norm=4.0), Random(1)).optimizer
    by_value = build_network(small(clip_value=0.5), Random(1)).optimizer
    assert (by_norm.global_clipnorm, by_norm.clipvalue) == (4.0, None)
    assert (by_value.global_clipnorm, by_value.clipvalue) == (None, 0.5)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    framing = framed(small())
    first, again, other = (fit_point(framing, seed=seed) for seed in (1, 1, 2))
    assert first.predicted.tobytes() == again.predicted.tobytes()
    assert first.history == again.history
    assert first.predicted.tobytes() != other.predicted.tobytes()


def test_curves_have_an_entry_an_epoch_and_the_loss_falls() -> None:
    fit = fit_point(framed(small(validation=0.2, learning_rate=0.01, epochs=8)), seed=1)
    assert isinstance(fit, PointFit)
    assert fit.epochs == 8
    assert set(fit.history) == {
        "train_mse_scaled",
        "train_mape_scaled_pct",
        "validation_mse_scaled",
        "validation_mape_scaled_pct",
    }
    assert fit.history["train_mse_scaled"][-1] < fit.history["train_mse_scaled"][0]
    outcome = outcome_of(fit)
    assert outcome.label == "small seed 1"
    assert set(outcome.metrics) >= {"test_mse_scaled", "test_mase", "skill_vs_random_walk"}


def test_patience_stops_a_fit_that_no_longer_gets_better() -> None:
    fit = fit_point(framed(small(validation=0.2, patience=2, learning_rate=0.2, epochs=200)), seed=1)
    assert fit.epochs < 200
    best = int(np.argmin(fit.history["validation_mse_scaled"]))
    assert fit.epochs == best + 3


def test_a_diverging_fit_is_a_clear_failure() -> None:
    with pytest.raises(TrainingError, match="diverged"):
        fit_point(framed(small(optimizer="sgd", learning_rate=1e8)), seed=1)


def test_the_time_limit_reaches_the_fit() -> None:
    with pytest.raises(TrainingError, match="limit"):
        fit_point(framed(small()), seed=1, time_limit_s=1e-9)
