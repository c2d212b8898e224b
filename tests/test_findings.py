"""The rules of findings/, read from the scripts; nothing is installed or run here."""

import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
PAGE = (FOLDER / "README.md").read_text("utf-8")
ROWS = re.findall(r"^\| \[([\w-]+\.sh)\]\(([\w-]+\.sh)\) \| .+ \|$", PAGE, re.M)
INSTALL = re.compile(r"bin/pip\" install (.+?) \|\| exit 2$", re.M)
PINNED = re.compile(r"[\w.-]+(\[[\w,]+\])?==[\w.$]+")
# An index, a host that is not this one, a folder of one machine.
PLACE = re.compile(
    r"index-url|find-links|https?://(?!127\.0\.0\.1)|(?<![\w.])/(?!usr/bin/env\b|dev/null\b)[a-z]+/"
)


def test_there_are_at_least_eight() -> None:
    assert len(SCRIPTS) >= 8


def test_the_page_has_one_row_for_each_script_in_order() -> None:
    assert [(script.name, script.name) for script in SCRIPTS] == ROWS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_is_bash_that_stops_at_its_first_error(script: Path) -> None:
    text = script.read_text("utf-8")
    assert os.access(script, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_leaves_nothing_behind(script: Path) -> None:
    text = script.read_text("utf-8")
    assert "folder=$(mktemp -d)\ntrap 'rm -rf \"$folder\"' EXIT\n" in text
    assert 'cd "$folder"\n' in text


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_package_is_pinned(script: Path) -> None:
    text = script.read_text("utf-8")
    installs = INSTALL.findall(text)
    packages = [word for line in installs for word in re.findall(r'"([^"]+)"', line)]
    assert packages
    # No install that the pattern overlooks.
    assert len(installs) == text.count("bin/pip")
    assert [package for package in packages if not PINNED.fullmatch(package)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_runs_without_this_project_and_names_no_place(script: Path) -> None:
    text = script.read_text("utf-8")
    assert re.search(r"coincast|\b(?:from|import) (?:pipeline|flows|expectations)\b", text) is None
    assert PLACE.search(text) is None
