"""Commands as processes of their own, forked from one that has imported everything, which takes longest."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Final

import psutil

_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.soak.imported"])
_WRITING: Final = ("INSERT", "UPDATE", "DELETE", "CREATE")
_CHANGES: Final = ("os.rename", "os.link", "os.symlink", "os.mkdir", "os.remove", "os.rmdir")
LIMIT_S: Final = 420.0


@dataclass(frozen=True)
class Ended:
    """What became of a command.

    Attributes:
        code: Its exit status; -9 of a killed one.
        said: On both outputs.
        writes: Changes of files and databases that it was counted to make; 0 of one that was killed.
    """

    code: int
    said: str
    seconds: float
    writes: int = 0

    @property
    def last_line(self) -> str:
        """What a person reads last."""
        return self.said.strip().rpartition("\n")[2]


class Command:
    """`coincast …` in a session of its own.

    Args:
        words: What follows `coincast`.
        environment: All of its variables.
        said: The file that gets its output.
        killed_at: The write before which it is killed with SIGKILL, from 1 on.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], *, said: Path, killed_at: int = 0
    ) -> None:
        said.write_bytes(b"")
        self._said, self._begun = said, time.monotonic()
        self._process: BaseProcess = _FORKS.Process(
            target=_work, args=(list(words), dict(environment), said, killed_at)
        )
        self._process.start()

    @property
    def said(self) -> str:
        """So far."""
        return self._said.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    @property
    def family(self) -> list[psutil.Process]:
        """All that live in its session."""
        found = []
        for one in psutil.process_iter():
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                if os.getsid(one.pid) == self._process.pid and one.status() != psutil.STATUS_ZOMBIE:
                    found.append(one)
        return found

    def kill(self) -> None:
        """With SIGKILL, and only itself."""
        self._process.kill()

    def wait(self, seconds: float = LIMIT_S) -> Ended | None:
        """Until it ends; None where it goes on."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            return None
        counted = self._said.with_suffix(".writes")
        writes = int(counted.read_text()) if counted.exists() else 0
        counted.unlink(missing_ok=True)
        return Ended(self._process.exitcode, self.said, time.monotonic() - self._begun, writes)

    def end(self) -> Ended:
        """What became of it; one that does not end is killed, and an error."""
        if ended := self.wait():
            return ended
        self.kill()
        raise TimeoutError(f"no end after {LIMIT_S:.0f} s: {self.said[-2000:]}")


def _work(words: list[str], environment: dict[str, str], said: Path, killed_at: int) -> None:
    """In the fork."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["coincast", *words]
    from prefect.context import refresh_global_settings_context

    from flows.command import main

    refresh_global_settings_context()
    _count_writes(killed_at, told=said.with_suffix(".writes"))
    main()


def _count_writes(killed_at: int, *, told: Path) -> None:
    import sqlalchemy as sa

    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        if seen == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        flags = arguments[2] if event == "open" else 0
        if event in _CHANGES or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)):
            count()

    def statement(_connection: Any, _cursor: Any, words: str, *_rest: Any) -> None:
        if words.lstrip().upper().startswith(_WRITING):
            count()

    sa.event.listen(sa.Engine, "before_cursor_execute", statement)
    sa.event.listen(sa.Engine, "commit", lambda _connection: count())
    sys.addaudithook(audit)
    Finalize(None, lambda: told.write_text(str(seen)), exitpriority=0)
