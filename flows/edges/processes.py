"""Processes of this machine: which there are, and how one is ended with all that it started."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

_PROC: Final = Path("/proc")
_GONE: Final = frozenset({"Z", "X"})
_LOOK_S: Final = 0.1
_LAST_CALL_S: Final = 5.0
# Prefect 3.8's worker sometimes loses the signal: with nothing at work there is nothing to wait for.
_IDLE_S: Final = 10.0


@dataclass(frozen=True)
class Process:
    """One process for good: a number is given again, a number with its beginning is not.

    Attributes:
        pid: Its number.
        parent: Of the process that it belongs to now.
        started: When it began, as the system counts.
    """

    pid: int
    parent: int
    started: str

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        found = running().get(self.pid)
        return found is not None and found.started == self.started


def running() -> dict[int, Process]:
    """Every process that runs, by its number; those that ended and were not collected are left out."""
    found = _of_proc() if (_PROC / "self" / "stat").exists() else _of_ps()
    return {process.pid: process for process in found}


def descendants(process: Process) -> Iterator[Process]:
    """All that a process started, and what those started."""
    there = running().values()
    parents = {process.pid}
    while parents:
        children = [one for one in there if one.parent in parents]
        yield from children
        parents = {one.pid for one in children}


def end(process: Process, *, patience_s: float) -> Literal["ended", "killed"]:
    """Ask a process to end, wait, then kill it; what it started and left behind goes the same way.

    Args:
        process: Which must be known to be ours.
        patience_s: Seconds that it may take as long as something that it started is at work; ten where nothing is.
    """
    family = [*descendants(process), process]
    _send(signal.SIGTERM, [process])
    idle_s = min(_IDLE_S, patience_s)
    if _wait(process.is_alive, idle_s) and (
        not any(descendants(process)) or _wait(process.is_alive, patience_s - idle_s)
    ):
        _send(signal.SIGKILL, _alive(family))
        _wait(lambda: _alive(family), _LAST_CALL_S)
        return "killed"
    _send(signal.SIGTERM, _alive(family))
    if _wait(lambda: _alive(family), _LAST_CALL_S):
        _send(signal.SIGKILL, _alive(family))
        _wait(lambda: _alive(family), _LAST_CALL_S)
    return "ended"


def _wait(lasts: Callable[[], object], seconds: float) -> bool:
    """Whether it still lasts when the time is over."""
    deadline = time.monotonic() + seconds
    while lasts():
        if time.monotonic() >= deadline:
            return True
        time.sleep(_LOOK_S)
    return False


def _send(sign: signal.Signals, processes: Collection[Process]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, sign)


def _alive(family: Collection[Process]) -> list[Process]:
    there = running()
    return [one for one in family if one.pid in there and there[one.pid].started == one.started]


def _of_proc() -> Iterator[Process]:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            # It may end while we look.
            with suppress(OSError):
                # The name in brackets may hold anything, brackets too.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in _GONE:
                    yield Process(int(folder.name), int(fields[1]), f"{boot} {fields[19]}")


def _of_ps() -> Iterator[Process]:
    told = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="], capture_output=True, text=True, check=True
    )
    for line in told.stdout.splitlines():
        pid, parent, state, started = line.split(maxsplit=3)
        if state[0] not in _GONE:
            yield Process(int(pid), int(parent), started)
