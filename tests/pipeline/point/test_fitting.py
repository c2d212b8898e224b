import re
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import TrainingError
from pipeline.evaluation.comparison import outcome_of
from pipeline.models.callbacks import deterministic
from pipeline.point.fitting import PointFit, fit_point, predict, save_point
from pipeline.point.framing import Framing, frame
from pipeline.point.network import build_network
from pipeline.point.shuffling import shuffled
from pipeline.recipes.point import PointRecipe
from pipeline.recipes.points import POINT_RECIPES
from pipeline.scores.formulas import mean_absolute_percentage_error

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


def test_the_mape_curve_leaves_out_targets_of_exactly_0_as_the_score_does() -> None:
    # Weights that hardly move have the same error in an epoch as after it.
    still = small(learning_rate=1e-12, validation=0.2).varied(scaler="min-max")
    framing = framed(still)
    assert (framing.targets[framing.parts.fit] == 0).any()
    fit = fit_point(framing, seed=1)
    for curve, part in (("train", framing.parts.fit), ("validation", framing.parts.validation)):
        actual = framing.targets[part]
        expected = 100 * mean_absolute_percentage_error(actual, fit.predicted[part])
        assert fit.history[f"{curve}_mape_scaled_pct"][-1] == pytest.approx(expected, rel=1e-4)


def test_the_mape_curve_changes_nothing_of_the_fit() -> None:
    import keras

    recipe = small(validation=0.2)
    framing = framed(recipe)
    fit = fit_point(framing, seed=1)
    keras.utils.clear_session()
    deterministic(1)
    plain = build_network(recipe, Random(1))
    plain.compile(optimizer=plain.optimizer, loss="mean_squared_error", metrics=["mape"])
    windows, targets = framing.inputs.astype(np.float32), framing.targets.astype(np.float32)
    part, held_out = framing.parts.fit, framing.parts.validation
    history = plain.fit(
        shuffled(windows[part], targets[part], batch=recipe.fitting.batch, seed=1),
        shuffle=False,
        validation_data=(windows[held_out], targets[held_out]),
        validation_batch_size=recipe.fitting.batch,
        epochs=recipe.fitting.epochs,
        verbose=0,
    ).history
    weights = zip(fit.network.get_weights(), plain.get_weights(), strict=True)
    assert all(ours.tobytes() == theirs.tobytes() for ours, theirs in weights)
    assert fit.predicted.tobytes() == predict(plain, framing.inputs).tobytes()
    assert fit.history["train_mse_scaled"] == history["loss"]
    assert fit.history["validation_mse_scaled"] == history["val_loss"]


# Keras writes its file by TensorFlow's variables, which do not know NumPy's new copy keyword.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_kept_network_is_loaded_by_keras_alone(tmp_path: Path) -> None:
    import keras

    framing = framed(small())
    fit = fit_point(framing, seed=1)
    save_point(fit, tmp_path)
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert predict(loaded, framing.inputs).tobytes() == fit.predicted.tobytes()


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
