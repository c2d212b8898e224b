import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.comparison import Outcome
from pipeline.figures import (
    closes_figure,
    curve_figure,
    effect_figure,
    gradient_figure,
    prediction_figure,
    scaled_figure,
)
from pipeline.framing import LEAK_FREE, frame
from pipeline.recipes.point import Dense, PointRecipe

DAYS = pd.date_range("2021-01-01", periods=30, unit="us")
CANDLES = pd.DataFrame({"date": DAYS, "close": 100.0 + np.arange(30)})


def outcome(name: str = "mine") -> Outcome:
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
    return Outcome(name, LEAK_FREE, "10 days", 1, {}, history, table)


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
