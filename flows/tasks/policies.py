"""Every retry, time-out and cache rule. The work itself is in flows/day/stages.py.

Nothing is cached: each stage has side effects or takes a table. What may pass by itself (a lost connection, a
locked file) is tried again; what was asked wrongly is not.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows.day import stages
from flows.publishing import weeks
from flows.tasks.private_flow import telling_no_secrets
from pipeline.errors import CoincastError

_Stage = TypeVar("_Stage", bound=Callable[..., Any])


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the failure may be gone the next time: an expected error will not be."""
    error = state.data if isinstance(state.data, BaseException) else None
    if error is None:
        error = getattr(state.data, "exception", None)
    return not isinstance(error, CoincastError)


def stage(name: str, work: _Stage, *, retries: int, seconds: float) -> _Stage:
    """`work` as a Prefect task with its policy."""
    policy: Any = task(
        name=name,
        retries=retries,
        retry_delay_seconds=[2.0, 10.0, 30.0][:retries],
        retry_condition_fn=may_pass,
        timeout_seconds=seconds,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    decorated: _Stage = policy(telling_no_secrets(work))
    return decorated


download: Final = stage("download", stages.download, retries=1, seconds=600)
check: Final = stage("check", stages.check, retries=1, seconds=120)
features: Final = stage("features", stages.features, retries=0, seconds=120)
train: Final = stage("train", stages.train, retries=1, seconds=3600)
evaluate: Final = stage("evaluate", stages.evaluate, retries=1, seconds=3600)
register: Final = stage("register", stages.register, retries=2, seconds=600)
forecast: Final = stage("forecast", stages.forecast, retries=2, seconds=120)
choose_again: Final = stage("choose-again", stages.choose_again, retries=2, seconds=120)
score: Final = stage("score", stages.score, retries=2, seconds=300)
publish: Final = stage("publish", stages.publish, retries=2, seconds=300)
sum_up_week: Final = stage("sum-up-week", weeks.sum_up_week, retries=1, seconds=300)
report_week: Final = stage("report-week", weeks.report_week, retries=2, seconds=300)
