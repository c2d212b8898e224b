"""Processes beside this one that stay warm: each works on one thing at a time, and none outlives this one."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread

from flows.edges.machine.runtime import prepare_environment


def warm_processes(count: int) -> ProcessPoolExecutor:
    """So many processes, begun with the first work that they are given, by spawning: TensorFlow does not fork."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    prepare_environment()
    Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent tells its processes nothing: they would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
