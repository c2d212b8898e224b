"""What the command prints: people's tables on a terminal, one JSON object for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Longer ones, as a name of a file, are cut where there is no room.
_WORD: Final = 12


def console(*, stderr: bool = False) -> "Console":
    """A rich console on standard output, or on standard error for what is not the answer itself.

    What is printed is text of files and of people: nothing in it is markup or the name of an emoji.
    """
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON object on standard output; dates as ISO, NaN refused."""
    json.dump(value, sys.stdout, default=str, allow_nan=False, ensure_ascii=False)
    sys.stdout.write("\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output: the first column to the left, the others to the right."""
    from rich.table import Table
    from rich.text import Text

    cells = [[cell if isinstance(cell, Text) else Text(str(cell)) for cell in row] for row in rows]
    table = Table(title=Text(title) if title else None, title_justify="left")
    for index, column in enumerate(columns):
        # A verdict is wrapped between its words, not within one.
        words = [word for row in cells for word in row[index].plain.split() if word.isalpha()]
        widest = max((len(word) for word in words if len(word) <= _WORD), default=1)
        side: Literal["left", "right"] = "left" if index == 0 else "right"
        table.add_column(Text(column), justify=side, overflow="fold", min_width=widest)
    for row in cells:
        table.add_row(*row)
    console().print(table)


def stacked(own: str, beside: str) -> "Text":
    """A cell of two lines, the second of less weight."""
    from rich.text import Text

    return Text.assemble(own, "\n", (beside, "dim"))
