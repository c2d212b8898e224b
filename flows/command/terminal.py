"""Progress: on a terminal a line per stage and a bar for bytes and epochs, in a log a line when a stage begins."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from flows.command.json_lines import StagesLogged, is_wanted, json_lines
from flows.edges.clock import clock
from flows.reporting.progress import Watcher, log, watcher

# A pace is none before.
_SOONEST_S: Final = 1.0


class Terminal:
    """Draws what a run tells its watcher: several series may be at it at once."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lines: dict[str, TaskID] = {}
        self._begun: dict[TaskID, float] = {}
        self._current: ContextVar[TaskID | None] = ContextVar("line", default=None)

    def stage(self, series: str, name: str) -> None:
        """Finish the series' line of the stage before and begin the next."""
        self.ended(series)
        line = self._progress.add_task(f"{series}  {name}", total=None, what="", left="")
        self._lines[series] = line
        self._begun[line] = time.monotonic()
        self._current.set(line)

    def advance(self, what: str, done: float, total: float | None) -> None:
        """Move the bar of the current stage."""
        line = self._current.get()
        if line is not None:
            left = time_left(time.monotonic() - self._begun[line], done, total)
            self._progress.update(line, completed=done, total=total, what=what, left=left)

    def ended(self, series: str) -> None:
        """Mark the series' line as done."""
        line = self._lines.pop(series, None)
        if line is not None:
            self._progress.update(line, total=1, completed=1, what="", left="")

    def finish(self) -> None:
        """Mark every line as done."""
        for series in tuple(self._lines):
            self.ended(series)


def time_left(elapsed: float, done: float, total: float | None) -> str:
    """An estimate as `about 2:05 left`, at the pace so far; empty where nothing is to tell it by.

    Args:
        elapsed: Seconds since the stage began.
        done: Of `total`, in any unit.
        total: None where it is not known.
    """
    if not total or not 0 < done < total or elapsed < _SOONEST_S:
        return ""
    minutes, seconds = divmod(round(elapsed * (total - done) / done), 60)
    hours, minutes = divmod(minutes, 60)
    return f"about {f'{hours}:{minutes:02}' if hours else minutes}:{seconds:02} left"


class Log:
    """Writes when each stage begins, in UTC: what is left of progress where nobody can look at a bar."""

    def stage(self, series: str, name: str) -> None:
        """One line."""
        print(f"{clock():%H:%M:%S} {series}  {name}", file=sys.stderr, flush=True)  # noqa: T201

    def ended(self, series: str) -> None:
        """Nothing: the next line tells."""

    def advance(self, what: str, done: float, total: float | None) -> None:
        """Nothing: a bar in a log is noise."""


class _Warnings(logging.Handler):
    """Lines of the log that are warnings; what failed is told when the command ends."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.addFilter(lambda record: record.levelno == logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        print(f"warning: {record.getMessage()}", file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def watched(*, quiet: bool) -> Iterator[None]:
    """Tell the body's progress on standard error, unless somebody asked for quiet; its warnings in any case.

    Where the settings ask for JSON it is the whole log, quiet or not.
    """
    if is_wanted():
        with json_lines(), _watching(StagesLogged()):
            yield
        return
    with _warnings_told(), nullcontext() if quiet else _progress_told():
        yield


@contextmanager
def _progress_told() -> Iterator[None]:
    if not sys.stderr.isatty():
        with _watching(Log()):
            yield
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[what]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    # A copy of the descriptor: the imports in the background silence the original for a moment.
    with os.fdopen(os.dup(2), "w") as screen, Progress(*columns, console=Console(file=screen)) as progress:
        terminal = Terminal(progress)
        with _watching(terminal):
            try:
                yield
            finally:
                terminal.finish()


@contextmanager
def _watching(one: Watcher) -> Iterator[None]:
    token = watcher.set(one)
    try:
        yield
    finally:
        watcher.reset(token)


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Tell what the body's log warns of on standard error."""
    handler = _Warnings()
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
