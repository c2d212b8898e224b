"""Policies of tasks: every retry, time-out and cache rule. The work itself is in plain functions elsewhere.

Nothing is cached: each stage has side effects or takes a table. What may pass by itself (a lost connection, a
locked file) is tried again; what was asked wrongly is not.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows.tasks.private_flow import telling_no_secrets
from pipeline.errors import CoincastError

_Work = TypeVar("_Work", bound=Callable[..., Any])


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the failure may be gone the next time: an expected error will not be."""
    error = state.data if isinstance(state.data, BaseException) else None
    if error is None:
        error = getattr(state.data, "exception", None)
    return not isinstance(error, CoincastError)


def stage(name: str, work: _Work, *, retries: int, seconds: float | None) -> _Work:
    """`work` as a Prefect task with its policy; its runs are called by the series that they are of."""
    of = {"job": " {job.series}", "day": " {day.job.series}"}.get(next(iter(signature(work).parameters)), "")
    policy: Any = task(
        name=name,
        task_run_name=name + of,
        retries=retries,
        retry_delay_seconds=[2.0, 10.0, 30.0][:retries],
        retry_condition_fn=may_pass,
        timeout_seconds=seconds,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    decorated: _Work = policy(telling_no_secrets(work))
    return decorated


def study(name: str, work: _Work, *, run_name: str) -> _Work:
    """`work` of a study as a Prefect task: tried once, for as long as its fit may take.

    Args:
        name: Of the task.
        work: A plain function.
        run_name: Of each run, with the arguments of `work` in braces.
    """
    policy: Any = task(name=name, task_run_name=run_name, cache_policy=NO_CACHE)
    decorated: _Work = policy(telling_no_secrets(work))
    return decorated
