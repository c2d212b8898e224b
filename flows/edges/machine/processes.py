"""Processes of this machine: which of them belong together, by a mark in their environment, and how they are ended."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final, Literal, TypeAlias

import psutil

Process: TypeAlias = psutil.Process

# Every process inherits it from the one that started it, whatever becomes of that one.
MARK: Final = "COINCAST_SERVICE"
_LOOK_S: Final = 0.1
_LAST_CALL_S: Final = 5.0
# Prefect 3.8's worker sometimes loses the signal: with nothing at work there is nothing to wait for.
_IDLE_S: Final = 10.0
# A clock that is set moves the times at which processes began, as the system tells them.
_CLOCK_S: Final = 2.0


def marked(mark: str, *, known: Process | None = None) -> list[Process]:
    """Every process that carries this mark, and all that they started.

    Args:
        mark: Which.
        known: One that is known to, for a system that does not show environments.
    """
    found = {one for one in psutil.process_iter() if _environment(one).get(MARK) == mark}
    if known is not None:
        found.add(known)
    for one in tuple(found):
        found |= started_by(one)
    return [one for one in found if is_alive(one)]


def started_by(process: Process) -> set[Process]:
    """All that a process started, and what those started."""
    with suppress(psutil.Error):
        return set(process.children(recursive=True))
    return set()


def find(pid: int, *, mark: str, created: float) -> Process | None:
    """The process of this number, if it is the one that was started with this mark; a number is given again.

    Args:
        pid: Its number.
        mark: Which it carries.
        created: When it began, for a system that does not show environments.
    """
    with suppress(psutil.Error):
        process = Process(pid)
        there = _environment(process).get(MARK) == mark or (
            not _environment(process) and abs(process.create_time() - created) < _CLOCK_S
        )
        if there and is_alive(process):
            return process
    return None


def is_alive(process: Process) -> bool:
    """Whether this very process still runs; one that ended and was not collected does not."""
    with suppress(psutil.Error):
        return bool(
            process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        )
    return False


def end(
    leader: Process | None, members: Callable[[], Collection[Process]], *, patience_s: float
) -> Literal["ended", "killed"]:
    """Ask a process to end, wait, then kill it; those that belong to it and are left go the same way.

    Args:
        leader: The one that ends the others; None where it is gone already.
        members: Looks for all that belong together.
        patience_s: Seconds that the leader may take as long as another one is at work; ten where none is.
    """
    left = set(members()) | (started_by(leader) if leader else set())
    outcome: Literal["ended", "killed"] = "ended"
    if leader is not None:
        _ask([leader])
        idle_s = min(_IDLE_S, patience_s)
        if _lasts(lambda: is_alive(leader), idle_s) and (
            not _others(leader, members) or _lasts(lambda: is_alive(leader), patience_s - idle_s)
        ):
            outcome = "killed"
            _kill([leader])
    if outcome == "ended":
        _ask(_alive(left))
        _lasts(lambda: _alive(left), _LAST_CALL_S)
    # What is killed may have started another one meanwhile.
    deadline = time.monotonic() + _LAST_CALL_S
    while (left := {*_alive(left), *members()}) and time.monotonic() < deadline:
        _kill(left)
        time.sleep(_LOOK_S)
    return outcome


def _others(leader: Process, members: Callable[[], Collection[Process]]) -> list[Process]:
    return [one for one in {*members(), *started_by(leader)} if one != leader]


def _environment(process: Process) -> Mapping[str, str]:
    """Empty where it is gone, or another user's."""
    try:
        return dict(process.environ())
    except (psutil.Error, OSError):
        return {}


def _alive(processes: Collection[Process]) -> list[Process]:
    return [one for one in processes if is_alive(one)]


def _lasts(going_on: Callable[[], object], seconds: float) -> bool:
    """Whether it still goes on when the time is over."""
    deadline = time.monotonic() + seconds
    while going_on():
        if time.monotonic() >= deadline:
            return True
        time.sleep(_LOOK_S)
    return False


def _ask(processes: Collection[Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()


def _kill(processes: Collection[Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
