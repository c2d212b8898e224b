import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.point.variation import SETTINGS, grid, parse_vary, variation
from pipeline.recipes.point import Dropout, PointRecipe, Recurrent
from pipeline.recipes.points import ARTICLE_LSTM, GUIDE_LSTM, POINT_RECIPES

MLP = next(recipe for recipe in POINT_RECIPES if recipe.name == "guide-mlp")


def stack(recipe: PointRecipe) -> list[float]:
    return [layer.rate if isinstance(layer, Dropout) else layer.units for layer in recipe.layers]


def test_settings_are_read_with_their_values_once_each() -> None:
    assert parse_vary(["window=3, 7,3", "learning-rate=0.1"]) == {
        "window": ("3", "7"),
        "learning_rate": ("0.1",),
    }


@pytest.mark.parametrize("text", ["window", "window=", "=3", "widow=3", "validation=0.1"])
def test_what_is_no_setting_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(InputError, match="optimizer"):
        parse_vary([text])


def test_an_unknown_setting_has_a_near_one_and_is_not_told_with_its_values() -> None:
    with pytest.raises(InputError, match="no setting 'widow', did you mean 'window'") as refused:
        parse_vary(["widow=317"])
    assert "317" not in str(refused.value)


def test_a_setting_is_named_once() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_vary(["window=3", "window=7"])


def test_the_grid_is_every_combination() -> None:
    combinations = grid({"window": ("3", "7"), "optimizer": ("adam", "sgd", "rmsprop")})
    assert len(combinations) == 6
    assert combinations[0] == {"window": "3", "optimizer": "adam"}
    assert combinations[1] == {"window": "3", "optimizer": "sgd"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", [50, 0.2, 1]),
        ("2", [50, 0.2, 100, 0.2, 1]),
        ("3", [50, 0.2, 100, 0.2, 100, 0.2, 1]),
        ("8x4", [8, 0.2, 4, 0.2, 1]),
    ],
)
def test_layers_are_a_number_or_widths_and_keep_their_dropout(value: str, expected: list[float]) -> None:
    assert stack(variation(GUIDE_LSTM, {"layers": value})) == expected


def test_other_settings_change_what_they_name() -> None:
    changed = variation(
        GUIDE_LSTM,
        {
            "units": "8",
            "cell": "gru",
            "dropout": "0.5",
            "optimizer": "sgd",
            "clip_value": "1",
            "target": "log-return",
        },
    )
    assert stack(changed) == [8, 0.5, 8, 0.5, 1]
    assert {layer.kind for layer in changed.layers if isinstance(layer, Recurrent)} == {"gru"}
    assert (changed.fitting.optimizer, changed.fitting.clip_value, changed.target) == (
        "sgd",
        1.0,
        "log-return",
    )
    other = variation(ARTICLE_LSTM, {"clip_value": "1"})
    assert (other.fitting.clip_norm, other.fitting.clip_value) == (None, 1.0)
    assert variation(ARTICLE_LSTM, {"clip_norm": "none"}).fitting.clip_norm is None


@pytest.mark.parametrize(
    ("settings", "clips"),
    [
        ({"clip_norm": "4", "clip_value": "none"}, (4.0, None)),
        ({"clip_value": "none", "clip_norm": "4"}, (4.0, None)),
        ({"clip_norm": "none", "clip_value": "1"}, (None, 1.0)),
        ({"clip_norm": "none", "clip_value": "none"}, (None, None)),
        ({"clip_norm": "2"}, (2.0, None)),
        ({"clip_value": "1"}, (None, 1.0)),
        ({"clip_value": "none"}, (4.0, None)),
    ],
    ids=str,
)
def test_a_clip_is_what_its_label_says(
    settings: dict[str, str], clips: tuple[float | None, float | None]
) -> None:
    fitting = variation(ARTICLE_LSTM, settings).fitting
    assert (fitting.clip_norm, fitting.clip_value) == clips


def test_two_clips_in_one_fit_are_refused() -> None:
    with pytest.raises(InputError, match="clip_norm=4 and clip_value=1 in one fit"):
        parse_vary(["clip_norm=4,none", "clip_value=none,1"])
    with pytest.raises(InputError, match="takes one clip"):
        variation(ARTICLE_LSTM, {"clip_value": "1", "clip_norm": "4"})
    assert parse_vary(["clip_norm=4,none", "clip_value=none"])["clip_value"] == ("none",)


@pytest.mark.parametrize(
    "settings",
    [
        {"window": "0"},
        {"window": "seven"},
        {"layers": "0"},
        {"layers": "axb"},
        {"optimizer": "luck"},
        {"epochs": "-1"},
    ],
    ids=str,
)
def test_values_that_cannot_be_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))) as refused:
        variation(GUIDE_LSTM, settings)
    assert "\n" not in str(refused.value)


def test_a_perceptron_has_no_recurrent_layers_to_vary() -> None:
    for settings in ({"layers": "2"}, {"units": "8"}):
        with pytest.raises(InputError, match="guide-mlp has no"):
            variation(MLP, settings)


@given(st.sampled_from(sorted(SETTINGS)), st.text(max_size=6))
def test_any_text_gives_a_recipe_or_one_clear_error(name: str, value: str) -> None:
    try:
        varied = variation(GUIDE_LSTM, {name: value})
    except InputError:
        return
    assert varied.layers[-1] == GUIDE_LSTM.layers[-1]
