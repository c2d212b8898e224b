"""Another version of a package, or of Python: does coincast hold with it?

    python benchmarks/compatibility.py fastapi==0.165.0 [MORE==VERSION ...] [--python 3.12] [--folder F] [-- TEST ...]

Makes an environment of requirements.lock in a temporary folder (or in F, which is kept and used again), installs what
is named over it with what that needs itself, runs the tests of the rooms that use it (or what is after `--`) and prints
what changed, which requirements are not met, and what the tests came to: docs/compatibility.md comes from here.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DAY = ["tests/flows/test_daily.py"]
NUMBERS = ["tests/pipeline/features", "tests/pipeline/scores", "tests/pipeline/models", "tests/expectations"]
SERVER = [*DAY, "tests/flows/operations/test_scheduling.py", "tests/flows/tasks", "tests/flows/reporting"]
NETWORKS = ["tests/pipeline/models", "tests/pipeline/point", "tests/flows/test_train.py"]
# The rooms that use a package; whatever else is asked for gets a whole day.
TESTS = {
    "prefect": [*SERVER, "tests/flows/edges/machine", "tests/flows/backfills"],
    "fastapi": SERVER,
    "sqlalchemy": [*SERVER, "tests/flows/edges/sql", "tests/flows/edges/ledger"],
    "mlflow": [*DAY, "tests/flows/edges/tracking", "tests/flows/command/test_models.py"],
    "great-expectations": [*DAY, "tests/expectations"],
    "tensorflow": [*DAY, *NETWORKS],
    "keras": [*DAY, *NETWORKS],
    "pandas": [*DAY, *NUMBERS, "tests/pipeline/candles", "tests/flows/edges/snapshots"],
    "numpy": [*DAY, *NUMBERS],
    "distributed": ["tests/flows/backfills"],
    "optuna": ["tests/flows/test_sweep.py", "tests/pipeline/point/test_sweeping.py"],
}


class Environment:
    """requirements.lock in a folder of its own, with other versions over it."""

    def __init__(self, folder: Path, *, python: str, packages: list[str]) -> None:
        self.python = folder / "bin" / "python"
        if not self.python.exists():
            self._uv("venv", "--python", python, "--no-python-downloads", str(folder))
        self._pip("sync", "--require-hashes", "requirements.lock")
        locked = self._frozen()
        if packages:
            self._pip("install", *packages)
        self.changed = sorted(self._frozen() - locked)
        self._pip("install", "--no-deps", "--no-build-isolation", "--editable", ".")

    def unmet(self) -> list[str]:
        """Requirements that are not met, coincast's own among them."""
        told = self._run("pip", "check", "--python", str(self.python)).stderr
        return re.findall(r"^The package `(.+?)` requires `(.+?)`", told.replace("`,", "`"), re.M)

    def _frozen(self) -> set[str]:
        return set(self._pip("freeze").splitlines())

    def _pip(self, verb: str, *words: str) -> str:
        return self._uv("pip", verb, "--python", str(self.python), *words)

    def _uv(self, *words: str) -> str:
        done = self._run(*words)
        if done.returncode:
            sys.exit(f"uv {' '.join(words)} failed:\n{done.stderr}")
        return done.stdout

    @staticmethod
    def _run(*words: str) -> subprocess.CompletedProcess[str]:
        uv = Path(sys.executable).with_name("uv")
        return subprocess.run([uv, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def run_tests(python: Path, targets: list[str]) -> str:
    """pytest's last line, and the tests that were not green."""
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "--maxfail=3", "-p", "no:cacheprovider", *targets],
        cwd=ROOT, capture_output=True, text=True, check=False,
        # Each process of a test would compile all that it imports.
        env={**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": ""},
    )  # fmt: skip
    lines = [line[:300] for line in done.stdout.splitlines()]
    return "\n".join([line for line in lines if line.startswith(("FAILED", "ERROR"))] + lines[-1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", help="PACKAGE==VERSION")
    parser.add_argument("--python", default=sys.executable, help="version or path; this one")
    parser.add_argument("--folder", type=Path, help="of the environment; a temporary one")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:cut])
    names = [re.split(r"[=<>\[]", package)[0] for package in asked.packages]
    targets = words[cut + 1 :] or list(
        dict.fromkeys(test for name in names or [""] for test in TESTS.get(name, DAY))
    )
    with tempfile.TemporaryDirectory() as folder:
        made = Environment(
            asked.folder or Path(folder) / "venv", python=asked.python, packages=asked.packages
        )
        print(f"python {asked.python}; changed: {', '.join(made.changed) or 'nothing'}")
        for package, requirement in made.unmet():
            print(f"unmet: {package} requires {requirement}")
        print(run_tests(made.python, targets), flush=True)


if __name__ == "__main__":
    main()
