"""What holds for every flow of coincast, however it is called: Prefect's settings, and heartbeats while it runs."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from prefect import Flow
from prefect.context import FlowRunContext

from flows.edges.prefect_settings import apply_prefect_settings
from flows.heartbeat import heartbeats

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Flow(Flow[_P, _R]):
    def __init__(self, work: Callable[_P, _R], *, name: str) -> None:
        super().__init__(work, name=name)
        self.fn = _alive(work)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:  # type: ignore[override]
        # Before the run begins: its server and its heartbeat are settings. A worker calls the engine, not this.
        apply_prefect_settings()
        return super().__call__(*args, **kwargs)


def flow(*, name: str) -> Callable[[Callable[_P, _R]], Flow[_P, _R]]:
    """Prefect's decorator, for a flow that holds its settings and tells that it lives."""

    def decorate(work: Callable[_P, _R]) -> Flow[_P, _R]:
        return _Flow(work, name=name)

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
