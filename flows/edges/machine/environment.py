"""What a run's numbers were made with: Python, the system, the processor, threads and packages."""

import os
import platform
from pathlib import Path
from typing import Any, Final

from flows.edges.machine.versions import arithmetic, code_version, package_versions

_PROCESSORS: Final = Path("/proc/cpuinfo")
# By these the numeric packages are told how many threads to take and which arithmetic to use.
_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "KERAS_BACKEND",
)


def environment() -> dict[str, Any]:
    """JSON values; without a thread variable the packages take a thread for each of `usable_cpus`."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "usable_cpus": processors(),
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "coincast": code_version(),
        "packages": package_versions(),
        "arithmetic": arithmetic(),
    }


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """The processor's name, which Linux tells in a file of its own."""
    if _PROCESSORS.is_file():
        for line in _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
