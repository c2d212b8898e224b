"""Which code and which packages made a number."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from flows.edges.configuration import PROJECT

# The packages that a forecast's bytes depend on.
NUMERIC_PACKAGES: Final = ("numpy", "pandas", "scipy", "scikit-learn", "tensorflow", "keras")


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


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
