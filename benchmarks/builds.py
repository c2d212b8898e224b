"""Builds: this one, and an earlier one from git in a folder and an environment of its own; their commands, timed."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pairs import PROJECT

_MAIN = "import sys; from flows.command import main; sys.exit(main())"


@dataclass(frozen=True)
class Build:
    """A build and the interpreter of its environment."""

    name: str
    folder: Path
    python: Path

    def words(self, *words: str) -> list[str]:
        """The command line of `coincast WORDS`, in the build's folder."""
        return [str(self.python), "-c", _MAIN, *words]


@dataclass(frozen=True)
class Spent:
    """What a command took: wall seconds, and the most resident bytes of its largest process."""

    seconds: float
    memory: int


def this_build() -> Build:
    """The project as it lies here."""
    return Build("this build", PROJECT, Path(sys.executable))


def build_of(commit: str) -> Build:
    """The project as of a commit, below `.venv/builds`; made once, with its own locked packages.

    Raises:
        SystemExit: git, or the installation, failed.
    """
    folder = PROJECT / ".venv" / "builds" / commit
    ready = folder / ".venv" / ".ready"
    if not ready.exists():
        folder.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", commit], cwd=PROJECT, capture_output=True, check=False)
        if archive.returncode:
            raise SystemExit(f"git has no {commit}: {archive.stderr.decode().strip()}")
        subprocess.run(["tar", "x", "-C", str(folder)], input=archive.stdout, check=True)
        subprocess.run(
            ["make", "setup", f"PYTHON={sys.executable}"], cwd=folder, check=True, stdout=sys.stderr
        )
        ready.touch()
    return Build(commit, folder, folder / ".venv" / "bin" / "python")


def state(folder: Path, **variables: str) -> dict[str, str]:
    """An environment in which a command keeps all that it keeps in `folder`."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("COINCAST_", "PREFECT_"))
    }
    folder.mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        "COINCAST_HOME": str(folder / "home"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "PREFECT_HOME": str(folder / "prefect"),
        **variables,
    }


def run(words: list[str], *, folder: Path, environment: dict[str, str], fails: bool = False) -> Spent:
    """Run a command to its end.

    Raises:
        SystemExit: It failed, with the end of what it said; not where it may (`fails`).
    """
    log = Path(environment.get("PREFECT_HOME", "/tmp")).parent / "output.log"
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not fails:
        raise SystemExit(
            f"{' '.join(words[3:] or words)} ended with {process.returncode}:\n{log.read_text()[-3000:]}"
        )
    return Spent(seconds, used.ru_maxrss * 1024)
