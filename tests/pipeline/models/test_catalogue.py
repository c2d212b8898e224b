import pytest

from pipeline.errors import InputError
from pipeline.models.catalogue import catalogue, find_recipe, parse_recipe
from pipeline.recipes.point import PointRecipe, Recurrent
from pipeline.recipes.toml import as_toml

NO_FIELD = "no recipe of this kind has such a field"
MINE = """
name = "mine"
based_on = "guide-lstm"
window = 14

[fitting]
optimizer = "sgd"
"""


def test_the_catalogue_holds_the_texts_recipes_and_the_baseline_once_each() -> None:
    names = [recipe.name for recipe in catalogue()]
    assert {"article-lstm", "guide-mlp", "random-walk", "range-lstm"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'lecture-lstm'"):
        find_recipe("lecture_lstm")
    with pytest.raises(InputError, match="random-walk"):
        find_recipe("?")


def test_a_recipe_of_ones_own_starts_from_another() -> None:
    mine = parse_recipe(MINE, origin="mine.toml")
    assert isinstance(mine, PointRecipe)
    assert (mine.window, mine.fitting.optimizer, mine.fitting.batch) == (14, "sgd", 64)
    assert mine.layers == find_recipe("guide-lstm").layers  # type: ignore[attr-defined]
    assert mine.source == "based on guide-lstm"
    assert find_recipe("mine", [mine]) is mine


def test_what_the_base_says_of_itself_is_not_taken_over() -> None:
    text = 'name = "shuffled"\nbased_on = "article-lstm"\n[fitting]\nshuffle = true\n'
    shuffled = parse_recipe(text, origin="shuffled.toml")
    assert (shuffled.title, shuffled.choices) == ("a variation of article-lstm", ())
    own = parse_recipe('title = "mine"\nchoices = ["Shuffled."]\n' + text, origin="shuffled.toml")
    assert (own.title, own.choices) == ("mine", ("Shuffled.",))


@pytest.mark.parametrize(
    ("said", "clips"),
    [
        ("clip_norm = 1.0", (1.0, None)),
        ("clip_value = 1.0", (None, 1.0)),
        ('clip_value = "none"', (None, None)),
        ("batch = 7", (None, 4.0)),
    ],
)
def test_a_clip_replaces_the_bases(said: str, clips: tuple[float | None, float | None]) -> None:
    text = f'name = "mine"\nbased_on = "lecture-lstm"\n[fitting]\n{said}\n'
    mine = parse_recipe(text, origin="mine.toml")
    assert isinstance(mine, PointRecipe)
    assert (mine.fitting.clip_norm, mine.fitting.clip_value) == clips


def test_none_unsets_what_the_base_has() -> None:
    mine = parse_recipe(
        'name = "mine"\nbased_on = "lecture-lstm"\nas_written = "none"\n[fitting]\npatience = "none"\n',
        origin="mine.toml",
    )
    assert isinstance(mine, PointRecipe)
    assert (mine.as_written, mine.fitting.patience) == (None, None)


def test_a_recipe_may_say_everything_itself() -> None:
    text = """
    name = "own"
    kind = "point"
    title = "a small GRU"
    window = 5
    [[layers]]
    kind = "gru"
    units = 8
    [[layers]]
    kind = "dense"
    units = 1
    """
    own = parse_recipe(text, origin="own.toml")
    assert isinstance(own, PointRecipe)
    assert own.layers[0] == Recurrent(kind="gru", units=8)


def test_every_recipe_survives_its_toml() -> None:
    for recipe in catalogue():
        assert parse_recipe(as_toml(recipe.as_values()), origin="again.toml") == recipe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "not valid TOML"),
        ("", "'kind' must be one of"),
        ('name = "x"\nkind = "oracle"', "'kind' must be one of"),
        (MINE + "speed = 3", "fitting.speed"),
        (MINE.replace("window", "widow"), "widow"),
        (MINE.replace("guide-lstm", "gide-lstm"), r"mine\.toml: based_on: .*did you mean 'guide-lstm'"),
        (
            MINE.replace('"guide-lstm"', "5"),
            r"mine\.toml: based_on: expected a recipe's name in quotes, got 5",
        ),
        ('based_on = "guide-lstm"', r"mine\.toml: name: expected one of its own"),
        (MINE + "learning_rate = inf", r"fitting\.learning_rate: .*finite"),
        (MINE + "clip_norm = 1.0\nclip_value = 1.0", "clip_norm or clip_value, not both"),
        (MINE + 'batch = "none"', r"fitting\.batch"),
        (
            'based_on = "har-range"\nname = "mine"\nmethod = "oracle"',
            r"mine\.toml: method: expected one of .*baseline/har-range, .*, got baseline/oracle",
        ),
    ],
)
def test_a_faulty_file_is_named_with_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        parse_recipe(text, origin="mine.toml")
    assert "\n" not in str(refused.value)


def test_a_name_cannot_be_taken_twice() -> None:
    twin = parse_recipe(MINE.replace('"mine"', '"gru"'), origin="gru.toml")
    with pytest.raises(InputError, match="'gru'"):
        catalogue([twin])


def test_epochs_may_be_cut_for_a_quick_look() -> None:
    for recipe in catalogue():
        quick = recipe.with_epochs(2).as_values()
        assert quick.get("fitting", quick).get("epochs", 2) == 2
        assert quick == recipe.as_values() or recipe.total_epochs is not None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs = 50", 'epochs = "ten"', "fitting.epochs: expected a whole number, got 'ten'."),
        ("epochs = 50", "epochs = -3", "fitting.epochs: expected at least 1, got -3."),
        ("epochs = 50", "epohcs = 50", f"fitting.epohcs: {NO_FIELD}; did you mean 'epochs'?"),
        ("units = 50", "units = 50\nunitz = 1", f"unitz: {NO_FIELD}; did you mean 'units'?"),
        ("rate = 0.2", "rate = 2.0", "layers.1.dropout.rate: expected less than 1.0, got 2.0."),
        ('target = "price"', 'target = "prise"', "target: expected 'price' or 'log-return', got 'prise'."),
        ('columns = ["close"]', 'columns = "close"', "columns: expected a list in brackets, got 'close'."),
        ("window = 60", "window = 60\nfoobar = 3", f"foobar: {NO_FIELD}; `coincast recipes show"),
    ],
)  # fmt: skip
def test_an_error_tells_what_is_expected_and_what_was_received(old: str, new: str, said: str) -> None:
    text = as_toml(find_recipe("guide-lstm").as_values()).replace('name = "guide-lstm"', 'name = "mine"')
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_recipe(text.replace(old, new, 1), origin="mine.toml")
    assert said in str(caught.value)
    assert "Input should" not in str(caught.value)
