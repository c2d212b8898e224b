"""The house as docs/architecture.md draws it."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MODULES = [
    path
    for top in ("pipeline", "expectations", "flows")
    for path in (ROOT / top).rglob("*.py")
    if path.name != "__init__.py" and "migrations" not in path.parts
]
ROOMS = Counter(path.parent.relative_to(ROOT) for path in MODULES)
# A group of verbs a file.
COMMANDS = Path("flows/command")


def test_no_room_has_more_than_twenty_modules() -> None:
    assert {str(room): size for room, size in ROOMS.items() if size > 20 and room != COMMANDS} == {}


@pytest.mark.parametrize("room", sorted(ROOMS), ids=str)
def test_every_room_is_drawn(room: Path) -> None:
    assert f"`{room.name}/`" in PAGE


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:pipeline|expectations|flows|tests)/[\w/*.]+)`", PAGE)
    assert [name for name in named if not list(ROOT.glob(name))] == []


def test_a_flow_lies_at_the_top_and_nothing_else() -> None:
    top = sorted((ROOT / "flows").glob("*.py"))
    assert [path.name for path in top if "@flow(" not in path.read_text()] == ["__init__.py"]
