"""Progress on a terminal: a line per stage, a bar for bytes and epochs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from flows.progress import watcher


class Terminal:
    """Draws what a run tells its watcher."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._current: TaskID | None = None

    def stage(self, series: str, name: str) -> None:
        """Finish the line of the stage before and begin the next."""
        self.finish()
        self._current = self._progress.add_task(f"{series}  {name}", total=None, what="")

    def advance(self, what: str, done: float, total: float | None) -> None:
        """Move the bar of the current stage."""
        if self._current is not None:
            self._progress.update(self._current, completed=done, total=total, what=what)

    def finish(self) -> None:
        """Mark the current line as done."""
        if self._current is not None:
            self._progress.update(self._current, total=1, completed=1, what="")


@contextmanager
def watched(*, quiet: bool) -> Iterator[None]:
    """Draw the body's progress on standard error if it is a terminal and nobody asked for quiet."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[what]}"),
        TimeElapsedColumn(),
    )
    # A copy of the descriptor: the imports in the background silence the original for a moment.
    with os.fdopen(os.dup(2), "w") as screen, Progress(*columns, console=Console(file=screen)) as progress:
        terminal = Terminal(progress)
        token = watcher.set(terminal)
        try:
            yield
        finally:
            terminal.finish()
            watcher.reset(token)
