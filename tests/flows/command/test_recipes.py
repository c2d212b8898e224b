import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.command import app
from flows.command.sweep import print_sweep
from pipeline.errors import InputError
from pipeline.models.callbacks import LARGEST_SEED
from pipeline.models.catalogue import catalogue, parse_recipe
from pipeline.point.variation import SETTINGS
from pipeline.recipes.points import POINT_RECIPES

run = CliRunner().invoke


def test_list_names_every_recipe() -> None:
    shown = json.loads(run(app, ["recipes", "list", "--json"]).stdout)
    assert [recipe["name"] for recipe in shown["recipes"]] == [recipe.name for recipe in catalogue()]
    assert "article-lstm" in run(app, ["recipes", "list"]).stdout


def test_show_prints_what_would_define_the_recipe() -> None:
    printed = run(app, ["recipes", "show", "lecture-lstm"]).stdout
    assert parse_recipe(printed, origin="printed").as_values() == json.loads(
        run(app, ["recipes", "show", "lecture-lstm", "--json"]).stdout
    )


def test_a_new_recipe_is_a_file_with_the_values_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "coincast.toml").touch()
    monkeypatch.setenv("COINCAST_SETTINGS", str(tmp_path / "coincast.toml"))
    written = run(app, ["recipes", "new", "wider-lstm", "--like", "guide-lstm"])
    assert written.exit_code == 0, written.output
    path = Path(written.stdout.splitlines()[0])
    wider, like = (
        json.loads(run(app, ["recipes", "show", name, "--json"]).stdout)
        for name in ("wider-lstm", "guide-lstm")
    )
    assert wider == like | {"name": "wider-lstm"}
    before = path.read_bytes()
    for name, words in {
        "wider-lstm": "already",
        "guide-lstm": "already",
        "../x": "small letters, digits and single hyphens",
    }.items():
        assert words in str(run(app, ["recipes", "new", name]).exception)
    assert (path.read_bytes(), len(list(path.parent.iterdir()))) == (before, 1)


@pytest.mark.parametrize("recipe", [recipe.name for recipe in POINT_RECIPES])
@pytest.mark.parametrize(
    "order",
    [
        ["daily", "-s", "binance/BTCUSDT/1d"],
        ["backfill", "-s", "binance/BTCUSDT/1d", "--from", "2026-01-01", "--to", "2026-01-02"],
        ["backtest", "--file", __file__, "--from", "2026-01-01", "--out", "never.csv"],
        ["leak-check", "--file", __file__],
    ],
    ids=lambda order: order[0],
)
def test_a_recipe_without_ranges_is_refused_before_anything_is_made(
    order: list[str], recipe: str, own_state: Path, tmp_path: Path
) -> None:
    result = run(app, [*order, "--recipe", recipe])
    assert isinstance(result.exception, InputError)
    assert repr(recipe) in str(result.exception)
    assert not own_state.exists()
    assert not (tmp_path / "mlruns").exists()


def test_an_unknown_recipe_is_refused() -> None:
    result = run(app, ["recipes", "show", "guide-lsmt"])
    assert isinstance(result.exception, InputError)
    assert "did you mean 'guide-lstm'" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "--recipes", "guide-lsmt", "-s", "a/BUSD/1d"], "did you mean"),
        (["compare", "--recipes", "guide-lstm"], "--file"),
        (["compare", "--recipes", ",", "-s", "a/BUSD/1d"], "at least one"),
        (["train", "--recipe", "nobody", "-s", "a/BUSD/1d"], "No recipe"),
        (["train", "--recipe", "guide-lstm", "-s", "bitcoin"], "exchange/SYMBOL"),
        (["sweep", "--recipe", "guide-lstm", "--vary", "widow=3", "-s", "a/BUSD/1d"], "widow"),
        (
            ["sweep", "--recipe", "guide-lstm", "--vary", "window=3", "--sampler", "luck", "-s", "a/B1/1d"],
            "--sampler",
        ),
        (["sweep", "--recipe", "guide-lstm", "--vary", "window=3", "--file", "x.csv"], "x.csv is not a file"),
    ],
)
def test_bad_input_is_refused_before_anything_heavy_is_started(arguments: list[str], words: str) -> None:
    result = run(app, arguments)
    assert isinstance(result.exception, InputError)
    assert words in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "-r", "guide-lstm", "--seed", str(LARGEST_SEED + 1)],
        ["sweep", "-r", "guide-lstm", "--vary", "window=3", "--seed", str(LARGEST_SEED + 1)],
        ["compare", "-r", "guide-lstm", "--seeds", str(LARGEST_SEED + 1)],
    ],
    ids=" ".join,
)
def test_a_seed_that_the_generator_cannot_take_is_refused(arguments: list[str]) -> None:
    result = run(app, [*arguments, "-s", "a/BUSD/1d"])
    assert result.exit_code == 2
    assert str(LARGEST_SEED) in result.output


def test_a_sweep_tells_a_skill_that_is_not_defined_and_what_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    judged = {"role": "chosen", "settings": {"window": "3"}, "metrics": {}, "verdict": "v", "setting": "s"}
    print_sweep(
        {
            "recipe": "mine",
            "series": "a/B1/1d",
            "vary": {"window": ["3"]},
            "score": "validation_skill_vs_random_walk",
            "lower_is_better": False,
            "validation": {"first": "2024-01-01", "before": "2024-01-31", "days": 30},
            "trials": [{"settings": {"window": "3"}, "validation_skill_vs_random_walk": None, "failure": ""}],
            "judged": [judged],
            "failed": [{"trial": "as given", "reason": "The fit diverged."}],
            "mlflow": {"url": "http://127.0.0.1:5000/1", "open_with": None},
        }
    )
    printed = capsys.readouterr()
    assert "chosen (window 3): test skill –, v; s." in printed.out
    assert "Failed: as given: The fit diverged." in printed.err


def test_the_page_tells_every_setting_of_a_sweep_and_every_text_that_leaks() -> None:
    page = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text()
    leaking = [recipe.name for recipe in POINT_RECIPES if recipe.as_written]
    assert [name for name in (*SETTINGS, *leaking) if f"`{name}`" not in page] == []
