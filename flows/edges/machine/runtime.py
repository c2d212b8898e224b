"""What the heavy libraries must find in the environment before they are imported."""

import gc
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module
from io import TextIOWrapper
from threading import Thread
from typing import Final, TextIO

from flows.edges.machine.private_logging import keep_logs_public
from flows.edges.private_files import keep_files_private

_NETWORKS: Final = ("tensorflow", "keras")
_DEFAULTS: Final = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # As many on every machine: sums of wide networks are split among the threads, and rounded so.
    "TF_NUM_INTRAOP_THREADS": "2",
    "TF_NUM_INTEROP_THREADS": "2",
    "KERAS_BACKEND": "tensorflow",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_LOG_UV_FILES": "false",
}


def prepare_environment(*, terminal: bool = False) -> None:
    """Give each variable that is not set its default: no phoning home, no noise, the same arithmetic everywhere.

    From then on files are their owner's alone, and logs hold no credentials.

    Args:
        terminal: A person watches this process: Prefect's own lines go to its server, not to the terminal.
    """
    keep_files_private()
    keep_logs_public()
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if terminal:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    log = logging.getLogger("coincast")
    if log.level == logging.NOTSET:
        # Prefect gives an extra logger its handlers and leaves it at the root's level, WARNING.
        log.setLevel(logging.INFO)


def import_slow_packages(*, networks: bool = True, contract: bool = False) -> None:
    """Import what takes seconds.

    Args:
        networks: TensorFlow, without its chatter, and Keras, beside MLflow.
        contract: Great Expectations too.
    """
    with _no_collection():
        _import_each(
            (
                *(_NETWORKS if networks else ()),
                "mlflow",
                *(("great_expectations",) if contract else ()),
            )
        )


def import_networks() -> None:
    """TensorFlow and Keras, where a fit comes that nobody expected."""
    if "keras" not in sys.modules:
        import_slow_packages()


def import_in_background() -> Thread:
    """`import_slow_packages` while something else is waited for.

    Join the thread before anything that uses one of them: TensorFlow and Keras import each other, and two threads that
    begin with different ones get halves of both.
    """
    thread = Thread(target=import_slow_packages, name="imports", daemon=True)
    thread.start()
    return thread


def _import_each(packages: Sequence[str]) -> None:
    for name in packages:
        with _native_chatter_unheard() if name in _NETWORKS else nullcontext():
            module = import_module(name)
            if name == "tensorflow":
                # It looks for a GPU twice and tells standard error so, whatever its log level.
                module.config.set_visible_devices([], "GPU")
                # As TF_CPP_MIN_LOG_LEVEL says to its native half; Python's would warn of every second network.
                logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextmanager
def _no_collection() -> Iterator[None]:
    """What is imported meanwhile is never looked at for garbage: not now, not later, not when the process ends."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _native_chatter_unheard() -> Iterator[None]:
    """What native code writes to standard error is dropped; Python's lines go on, through a copy of it."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    spoken = sys.stderr
    if _is_native(spoken):
        # Handlers made meanwhile keep it.
        sys.stderr = _NeverClosed(
            os.fdopen(os.dup(kept), "wb", buffering=0),
            encoding=spoken.encoding,
            errors="replace",
            line_buffering=True,
        )
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        sys.stderr = spoken
        os.close(kept)
        os.close(nowhere)


class _NeverClosed(TextIOWrapper):
    """Standard error while TensorFlow is imported: absl's handler would close it when Prefect configures logging."""

    def close(self) -> None:
        self.flush()


def _is_native(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except (AttributeError, OSError):
        return False
