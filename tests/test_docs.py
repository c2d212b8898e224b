"""What the documents say exists: commands, options, files, targets, settings."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from flows.command import app
from pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "deploy" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMAND = typer.main.get_command(app)


def told_commands() -> list[tuple[str, str]]:
    """Every `coincast …` line of a code block, with the page that tells it."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```(?:\w*)\n(.*?)```", page.read_text(), flags=re.DOTALL):
            lines = [line.split("#")[0].strip() for line in block.replace("\\\n", " ").splitlines()]
            found += [(page.name, line) for line in lines if re.match(r"(\.venv/bin/)?coincast ", line)]
    return found


@pytest.mark.parametrize(("page", "line"), told_commands())
def test_every_command_that_a_page_tells_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    command = COMMAND
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands or words[0].startswith("-"), f"{page}: {line}"
        if words[0].startswith("-"):
            break
        command = command.commands[words.pop(0)]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    told = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert told <= known | {"--help"}, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_setting_is_documented_where_it_is_declared() -> None:
    told = Settings.__doc__ or ""
    assert [name for name in Settings.model_fields if f"{name}:" not in told] == []


def test_every_verb_has_an_example_in_its_help() -> None:
    def verbs(command: object, name: str) -> list[tuple[str, str]]:
        children = getattr(command, "commands", None)
        if children is None:
            return [(name, getattr(command, "help", "") or "")]
        return [pair for key, child in children.items() for pair in verbs(child, f"{name} {key}")]

    assert [name for name, text in verbs(COMMAND, "coincast") if "Example" not in text] == []


def test_help_imports_nothing_heavy() -> None:
    heavy = (
        "prefect",
        "mlflow",
        "great_expectations",
        "tensorflow",
        "keras",
        "pandas",
        "sklearn",
        "matplotlib",
    )
    code = f"""
import sys
from flows.command import app
try:
    app(["--help"])
except SystemExit:
    pass
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_make_has_the_targets_that_the_pages_name() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z][a-z-]+)", page.read_text())}
    assert [name for name in named if f"\n{name}:" not in makefile] == []
