"""Work in a thread that keeps no process from ending."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

_Result = TypeVar("_Result")


def begin(work: Callable[[], _Result], *, name: str) -> "Future[_Result]":
    """Begin work in a thread of its own, in this context; the process may end before it."""
    outcome: Future[_Result] = Future()
    Thread(target=copy_context().run, args=(_settle, outcome, work), name=name, daemon=True).start()
    return outcome


def _settle(outcome: "Future[_Result]", work: Callable[[], _Result]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the work raises it
        outcome.set_exception(error)
        # Its frames hold this one, and it the error: they would wait for the collector together.
        del outcome, work
