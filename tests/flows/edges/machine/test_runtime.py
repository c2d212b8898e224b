"""The heavy libraries as they are imported, in a process of its own."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SPOKEN = """
import logging.config
from flows.edges.machine.runtime import import_slow_packages, prepare_environment
prepare_environment()
import_slow_packages()
logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
logging.getLogger("tensorflow").warning("retraced")
logging.getLogger("tensorflow").error("out of memory")
"""


def test_what_tensorflow_says_after_logging_was_configured_still_arrives() -> None:
    done = subprocess.run([sys.executable, "-c", SPOKEN], capture_output=True, text=True, check=True)
    assert "out of memory" in done.stderr
    assert "retraced" not in done.stderr
    assert "Logging error" not in done.stderr
