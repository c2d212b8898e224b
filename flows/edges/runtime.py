"""What the heavy libraries must find in the environment before they are imported."""

import os
import sys
from importlib import import_module
from threading import Thread
from typing import Final

from flows.edges.configuration import PROJECT

_DEFAULTS: Final = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "KERAS_BACKEND": "tensorflow",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_LOG_UV_FILES": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "coincast",
    "COINCAST_PROJECT": str(PROJECT),
}


def prepare_environment(*, terminal: bool = False) -> None:
    """Give each variable that is not set its default: no phoning home, no noise, the same arithmetic everywhere.

    Args:
        terminal: A person watches this process: Prefect's own lines go to its server, not to the terminal.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if terminal:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def import_in_background(*modules: str) -> Thread:
    """Import slow packages while something else is waited for, such as Prefect's server."""

    def work() -> None:
        for module in modules:
            if module not in sys.modules:
                import_module(module)

    thread = Thread(target=work, name="imports", daemon=True)
    thread.start()
    return thread
