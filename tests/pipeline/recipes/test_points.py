import pytest

from pipeline.recipes.point import Dropout, PointRecipe, Recurrent
from pipeline.recipes.points import POINT_RECIPES

RECIPES = {recipe.name: recipe for recipe in POINT_RECIPES}


def shape(recipe: PointRecipe) -> list[float]:
    return [layer.rate if isinstance(layer, Dropout) else layer.units for layer in recipe.layers]


def test_every_text_has_its_recipes() -> None:
    assert list(RECIPES) == [
        "article-lstm",
        "lecture-lstm",
        "assignment-lstm",
        "guide-lstm",
        "guide-rnn",
        "guide-mlp",
        "gru",
        "bidirectional-lstm",
    ]


def test_what_the_texts_tell() -> None:
    article, lecture, assignment, guide = (
        RECIPES[f"{name}-lstm"] for name in ("article", "lecture", "assignment", "guide")
    )
    assert (article.window, article.scaler, shape(article)) == (7, "standard", [256, 1])
    assert (article.fitting.batch, article.fitting.learning_rate, article.fitting.epochs) == (7, 0.001, 200)
    assert (lecture.window, lecture.scaler, shape(lecture)) == (7, "standard", [256, 512, 512, 1])
    assert (lecture.fitting.batch, lecture.fitting.learning_rate, lecture.fitting.epochs) == (64, 5e-5, 500)
    assert lecture.fitting.clip_value == 4
    assert (assignment.window, assignment.scaler, shape(assignment)) == (99, "min-max", [200, 0.2, 100, 1])
    assert assignment.layers[-1].activation == "sigmoid"
    assert (assignment.fitting.batch, assignment.fitting.epochs, assignment.fitting.shuffle) == (
        32,
        15,
        False,
    )
    assert assignment.fitting.validation == 0.1
    assert (guide.window, shape(guide)) == (60, [50, 0.2, 100, 0.2, 1])
    assert (guide.fitting.optimizer, guide.fitting.batch, guide.fitting.epochs) == ("rmsprop", 64, 50)


def test_the_guides_family_differs_by_layers_only() -> None:
    guide = RECIPES["guide-lstm"]
    for name in ("guide-rnn", "guide-mlp", "gru", "bidirectional-lstm"):
        other = RECIPES[name]
        same = {"window", "columns", "target", "scaler", "fitting", "split"}
        assert other.model_dump(include=same) == guide.model_dump(include=same)
    assert [layer.kind for layer in RECIPES["gru"].layers if isinstance(layer, Recurrent)] == ["gru"] * 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("article-lstm", ("global norm", "not shuffled")),
        ("lecture-lstm", ("Adam", "67 %", "shuffled")),
        ("assignment-lstm", ("Adam", "linear", "all rows")),
        ("guide-lstm", ("min-max", "0.001", "shuffled")),
        ("guide-rnn", ("min-max", "shuffled", "two of 100 and 200 units", "dropout")),
        ("guide-mlp", ("min-max", "shuffled", "two of 256 and 214 units", "relu", "dropout")),
        ("gru", ("min-max", "shuffled", "guide-lstm's units and dropout")),
        ("bidirectional-lstm", ("min-max", "shuffled", "in each direction", "dropout")),
    ],
)
def test_what_we_chose_is_named(name: str, words: tuple[str, ...]) -> None:
    choices = " ".join(RECIPES[name].choices)
    assert [word for word in words if word not in choices] == []
