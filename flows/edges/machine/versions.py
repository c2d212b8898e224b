"""Which code and which packages made a number."""

import os
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from flows.edges.configuration import PROJECT

# The packages that a forecast's bytes depend on.
NUMERIC_PACKAGES: Final = ("numpy", "pandas", "scipy", "scikit-learn", "tensorflow", "keras")

# By these TensorFlow and BLAS choose threads and instructions.
_ARITHMETIC_VARIABLES: Final = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)


@cache
def code_version() -> str:
    """Version of coincast, with the git commit and `dirty` where the checkout tells."""
    try:
        release = version("coincast")
    except PackageNotFoundError:
        release = "unpackaged"
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return release
    dirty = ".dirty" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return f"{release}+{commit}{dirty}"


@cache
def package_versions() -> dict[str, str]:
    """Installed version of each numeric package, by its name."""
    return {name: version(name) for name in NUMERIC_PACKAGES}


@cache
def arithmetic() -> dict[str, str]:
    """What the bits of a fit depend on besides code and packages, by measurement (benchmarks/bits.py).

    Returns:
        `instructions` that NumPy found beyond its baseline, the kernels and version of its `blas`, and TensorFlow's
        variables where they are set.
    """
    import numpy as np
    from threadpoolctl import threadpool_info

    found = np.show_config(mode="dicts")["SIMD Extensions"]
    blas = [one for one in threadpool_info() if one["user_api"] == "blas" and "numpy" in one["filepath"]]
    return {
        "instructions": " ".join([*found["baseline"], *found.get("found", ())]),
        "blas": ", ".join(
            f"{one['internal_api']} {one['version']} {one.get('architecture', '')}" for one in blas
        ),
        **{name: os.environ[name] for name in _ARITHMETIC_VARIABLES if name in os.environ},
    }


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
