from pathlib import Path

import pytest

from flows.edges.configuration import Places, configuration
from flows.edges.recipe_files import all_recipes, named_recipe
from pipeline.errors import InputError

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


def test_a_broken_file_hides_none_of_coincasts_recipes(places: Places) -> None:
    (places.recipes / "broken.toml").write_text("")
    assert named_recipe("guide-lstm", places).name == "guide-lstm"
    with pytest.raises(InputError, match=r"broken\.toml"):
        all_recipes(places)
