"""What a run tells whoever watches it: stages with their seconds, bytes and epochs."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

log: Final = logging.getLogger("coincast")
# What a line of the log is about, by name: `series`, `as_of`, `stage`.
about: ContextVar[Mapping[str, str]] = ContextVar("about", default=MappingProxyType({}))


class Watcher(Protocol):
    """Someone who watches a run; the terminal's is in flows/command/terminal.py."""

    def stage(self, series: str, name: str) -> None:
        """A stage of a series begins; what this thread and those of its context advance is its."""

    def ended(self, series: str) -> None:
        """The series' stage is over, well or not."""

    def advance(self, what: str, done: float, total: float | None) -> None:
        """A long stage got on: bytes of a download, epochs of a fit."""


class _Nobody:
    def stage(self, series: str, name: str) -> None:
        """Nobody watches."""

    def ended(self, series: str) -> None:
        """Nobody watches."""

    def advance(self, what: str, done: float, total: float | None) -> None:
        """Nobody watches."""


watcher: ContextVar[Watcher] = ContextVar("watcher", default=_Nobody())  # noqa: B039 - it has no state


@contextmanager
def lines_about(**facts: object) -> Iterator[None]:
    """Add facts to the lines that the body logs."""
    token = about.set({**about.get(), **{name: str(value) for name, value in facts.items()}})
    try:
        yield
    finally:
        about.reset(token)


@dataclass
class Stopwatch:
    """Seconds that each stage took.

    Attributes:
        seconds: Stage name → wall-clock seconds, in the order the stages ran.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, series: str, name: str) -> Iterator[None]:
        """Time the body as stage `name` and tell the watcher that it began."""
        with lines_about(series=series, stage=name):
            watcher.get().stage(series, name)
            started = time.perf_counter()
            try:
                yield
            finally:
                watcher.get().ended(series)
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
