import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.evaluation.comparison import Outcome
from pipeline.figures.texts import (
    closes_figure,
    curve_figure,
    effect_figure,
    gradient_figure,
    prediction_figure,
    scaled_figure,
)
from pipeline.point.framing import AS_WRITTEN, LEAK_FREE, Variant, frame
from pipeline.recipes.point import Dense, PointRecipe

DAYS = pd.date_range("2021-01-01", periods=30, unit="us")
CANDLES = pd.DataFrame({"date": DAYS, "close": 100.0 + np.arange(30)})


def outcome(name: str = "mine", *, seed: int = 1, variant: Variant = LEAK_FREE) -> Outcome:
    table = pd.DataFrame(
        {
            "date": DAYS,
            "part": ["train"] * 20 + ["test"] * 10,
            "actual": CANDLES["close"],
            "predicted": CANDLES["close"] + 1,
            "random_walk": CANDLES["close"] - 1,
        }
    )
    history = {
        "train_mse_scaled": [3.0, 2.0],
        "validation_mse_scaled": [4.0, 3.0],
        "train_mape_scaled_pct": [9.0, 8.0],
    }
    return Outcome(name, variant, "10 days", seed, {}, history, table)


def lines(figure: Figure, panel: int = 0) -> dict[str, list[float]]:
    return {str(line.get_label()): list(np.asarray(line.get_ydata())) for line in figure.axes[panel].lines}


@pytest.mark.parametrize(("part", "rows"), [("train", slice(0, 20)), ("test", slice(20, 30))])
def test_predictions_are_drawn_beside_the_truth(part: str, rows: slice) -> None:
    drawn = lines(prediction_figure([outcome()], part))
    assert drawn["actual"] == list(CANDLES["close"][rows])
    assert drawn["mine seed 1"] == list(CANDLES["close"][rows] + 1)


def test_curves_show_training_and_validation_by_epoch() -> None:
    drawn = lines(curve_figure([outcome()], "train_mse_scaled"))
    assert drawn == {"mine seed 1": [3.0, 2.0], "mine seed 1, validation": [4.0, 3.0]}
    assert set(lines(curve_figure([outcome()], "train_mape_scaled_pct"))) == {"mine seed 1"}


@pytest.mark.parametrize(
    "drawn",
    [lambda shown: prediction_figure(shown, "test"), lambda shown: curve_figure(shown, "train_mse_scaled")],
)
def test_a_recipe_has_one_colour_that_no_other_has(drawn: Callable[[list[Outcome]], Figure]) -> None:
    shown = [outcome(f"recipe-{place % 9}", seed=place // 9) for place in range(18)]
    (axes,) = drawn(shown).axes
    colours: dict[str, set[str]] = {}
    for line in axes.lines:
        colours.setdefault(str(line.get_label()).partition(" ")[0], set()).add(str(line.get_color()))
    colours.pop("actual", None)
    assert [len(each) for each in colours.values()] == [1] * 9
    assert len(set.union(*colours.values())) == 9


def test_each_variant_has_a_panel_with_its_own_truth() -> None:
    leaking = outcome(variant=AS_WRITTEN)
    leaking.table["date"] += pd.Timedelta(days=900)
    figure = prediction_figure([outcome(), leaking], "test")
    assert [axes.get_title().rpartition(", ")[2] for axes in figure.axes] == [LEAK_FREE, AS_WRITTEN]
    for panel, own in enumerate(("mine seed 1", "mine seed 1, as written")):
        assert set(lines(figure, panel)) == {"actual", own}
        assert len(lines(figure, panel)["actual"]) == 10
    assert len(curve_figure([outcome(), leaking], "train_mse_scaled").axes) == 2


def test_the_series_and_its_scaled_form() -> None:
    assert list(lines(closes_figure(CANDLES)).values()) == [list(CANDLES["close"])]
    recipe = PointRecipe(name="any", title="any", window=3, layers=(Dense(kind="dense", units=1),))
    framing = frame(recipe, CANDLES)
    drawn = next(iter(lines(scaled_figure(framing)).values()))
    np.testing.assert_allclose(drawn, framing.targets)


def test_gradients_are_relative_to_lag_1() -> None:
    figure = gradient_figure(
        {"before": {"lstm": np.array([2.0, 1.0])}, "after": {"lstm": np.array([4.0, 1.0])}}
    )
    assert [lines(figure, panel)["lstm"] for panel in (0, 1)] == [[1.0, 0.5], [1.0, 0.25]]


def test_a_settings_effect_is_its_trials_and_their_mean() -> None:
    trials = pd.DataFrame({"window": ["3", "3", "7"], "skill": [1.0, 3.0, 5.0]})
    drawn = list(lines(effect_figure(trials, ["window"], score="skill")).values())
    assert drawn == [[1.0, 3.0], [2.0, 2.0], [5.0], [5.0, 5.0]]


def test_figures_are_images_of_a_modest_size() -> None:
    image = io.BytesIO()
    prediction_figure([outcome()], "test").savefig(image, format="png", dpi=120)
    assert image.getvalue().startswith(b"\x89PNG")
    assert image.tell() < 200_000
