from pathlib import Path

import pytest

from flows.edges.configuration import Places, configuration
from flows.edges.files.recipe_files import all_recipes, named_recipe, named_recipes
from pipeline.errors import InputError
from pipeline.recipes.toml import as_toml

MINE = 'name = "mine"\nbased_on = "guide-lstm"\nwindow = 14\n'


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    (tmp_path / "coincast.toml").write_text("")
    (tmp_path / "recipes").mkdir()
    monkeypatch.setenv("COINCAST_SETTINGS", str(tmp_path / "coincast.toml"))
    return configuration().places


def test_a_file_in_the_folder_adds_a_recipe(places: Places) -> None:
    before = {recipe.name for recipe in all_recipes(places)}
    (places.recipes / "mine.toml").write_text(MINE)
    assert {recipe.name for recipe in all_recipes(places)} - before == {"mine"}
    assert named_recipe("mine", places).window == 14  # type: ignore[attr-defined]


def test_a_recipe_may_be_given_by_its_path(places: Places, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text(MINE)
    assert named_recipe(str(tmp_path / "elsewhere.toml"), places).name == "mine"
    with pytest.raises(InputError, match="cannot be read as a recipe"):
        named_recipe(str(tmp_path / "nowhere.toml"), places)


def test_a_path_cannot_give_coincasts_names_another_meaning(places: Places, tmp_path: Path) -> None:
    copy = tmp_path / "copy.toml"
    copy.write_text(as_toml(named_recipe("guide-lstm", places).as_values()))
    assert named_recipe(str(copy), places) == named_recipe("guide-lstm", places)
    copy.write_text(copy.read_text().replace("window = 60", "window = 6"))
    with pytest.raises(InputError, match=r"copy\.toml: name: 'guide-lstm' is coincast's"):
        named_recipe(str(copy), places)
    copy.write_text(MINE.replace('"mine"', '"random-walk"'))
    with pytest.raises(InputError, match="another name"):
        named_recipe(str(copy), places)


def test_several_names_are_recipes_once_each(places: Places, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(MINE)
    (tmp_path / "small-again.toml").write_text(MINE)
    paths = [str(tmp_path / name) for name in ("small.toml", "small-again.toml")]
    found = named_recipes(["gru", *paths, "gru", "random-walk"], places)
    assert [recipe.name for recipe in found] == ["gru", "mine", "random-walk"]


def test_two_different_recipes_of_one_name_are_refused(places: Places, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(MINE)
    (tmp_path / "smaller.toml").write_text(MINE.replace("14", "7"))
    with pytest.raises(InputError, match=r"smaller\.toml: another recipe .* is named 'mine'"):
        named_recipes([str(tmp_path / name) for name in ("small.toml", "smaller.toml")], places)


def test_no_name_at_all_is_refused(places: Places) -> None:
    with pytest.raises(InputError, match="at least one"):
        named_recipes([], places)


def test_a_broken_file_hides_none_of_coincasts_recipes(places: Places) -> None:
    (places.recipes / "broken.toml").write_text("")
    assert named_recipe("guide-lstm", places).name == "guide-lstm"
    with pytest.raises(InputError, match=r"broken\.toml"):
        all_recipes(places)
