"""What holds for every flow of coincast, however it is called.

It has Prefect's settings, sends heartbeats while it runs, and keeps credentials out of what Prefect records.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import Flow
from prefect.context import FlowRunContext

from flows.edges.machine.prefect_settings import apply_prefect_settings
from flows.reporting.run_names import flow_run_name
from flows.tasks.heartbeat import heartbeats
from flows.tasks.private_flow import PrivateFlow

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Flow(PrivateFlow[_P, _R]):
    def __init__(self, fn: Callable[_P, _R], **options: Any) -> None:
        super().__init__(fn, **options)
        self.fn = _alive(self.fn)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:  # type: ignore[override]
        # Before the run begins: its server and its heartbeat are settings. A worker calls the engine, not this.
        apply_prefect_settings()
        return super().__call__(*args, **kwargs)


def flow(*, name: str) -> Callable[[Callable[_P, _R]], Flow[_P, _R]]:
    """Prefect's decorator, for a flow that holds its settings, tells that it lives, and tells no credential."""

    def decorate(work: Callable[_P, _R]) -> Flow[_P, _R]:
        return _Flow(work, name=name, flow_run_name=flow_run_name)

    return decorate


def _alive(work: Callable[_P, _R]) -> Callable[_P, _R]:
    @wraps(work)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            return work(*args, **kwargs)
        apply_prefect_settings()
        with heartbeats(context.flow_run.id):
            return work(*args, **kwargs)

    return run
