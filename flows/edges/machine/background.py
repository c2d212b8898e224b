"""Servers and workers that `coincast up` leaves running: a record and a log for each, under the state folder."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from flows.edges.configuration import PROJECT
from flows.edges.machine.processes import MARK, Process, end, find, marked
from flows.edges.words import without_secrets
from pipeline.errors import InputError, ServiceError, StoreError

_LOCK_S: Final = 5.0
_TOLD_LINES: Final = 10


@dataclass(frozen=True)
class Service:
    """One program that was started and left running.

    Attributes:
        name: `prefect`, `mlflow`, `site` or `worker`.
        pid: Number of its first process; 0 where it was ended on purpose, and where its record is lost.
        created: When that process began, in seconds since 1970.
        url: What it serves, or of the server that it works for; empty where its record is lost.
        store: Where its data lie, without a password; empty for the worker.
        log: File of its output.
        host: Address that it listens on; empty for the worker.
        mark: What it and all that it started carry in their environment.
    """

    name: str
    pid: int
    created: float
    url: str
    store: str
    log: str
    host: str = ""
    mark: str = ""

    def leader(self) -> Process | None:
        """Its first process, which has to run for the service to run; None where it is gone."""
        return find(self.pid, mark=self.mark, created=self.created) if self.wanted else None

    def members(self) -> list[Process]:
        """Its first process and all that it started and left behind, now or before it was started again."""
        return marked(self.mark, known=self.leader())

    @property
    def wanted(self) -> bool:
        """Whether it should run: it was started, and nobody ended it on purpose."""
        return self.pid != 0

    def last_lines(self) -> str:
        """The end of its log, for a person who must find out why it died."""
        text = without_secrets(Path(self.log).read_text(encoding="utf-8", errors="replace"))
        lines = [line for line in text.splitlines() if line.strip()]
        return "\n".join(lines[-_TOLD_LINES:]) or "(nothing)"


class RunFolder:
    """`run/` of a state folder: who was started from it, and who of them runs."""

    def __init__(self, home: Path) -> None:
        self.path = home / "run"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Nobody else starts or ends anything here meanwhile.

        Raises:
            StoreError: Another `coincast up` or `coincast down` is at it.
        """
        from filelock import FileLock, Timeout

        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / "turn.lock", timeout=_LOCK_S):
                yield
        except Timeout as error:
            raise StoreError(
                f"Another `coincast up` or `coincast down` works in {self.path}; wait for it, then run again."
            ) from error

    def services(self) -> tuple[Service, ...]:
        """Everything that was ever started from here, in the order in which it is started."""
        return tuple(
            found for name in ("prefect", "mlflow", "site", "worker") if (found := self.service(name))
        )

    def service(self, name: str) -> Service | None:
        """What is known of one; None where there is no record of it and nothing of it runs.

        Raises:
            StoreError: The record cannot be read.
        """
        record = self._record(name)
        try:
            text = record.read_text(encoding="utf-8")
        except FileNotFoundError:
            return self._unrecorded(name)
        try:
            values = dict(json.loads(text))
            # An earlier version told processes by this.
            values.pop("started", 0.0)
            return Service(**{"created": 0.0, **values})
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"{record} is damaged ({type(error).__name__}); remove it, then run `coincast down`."
            ) from error

    def _unrecorded(self, name: str) -> Service | None:
        """What runs although its record is gone, or `up` was killed before it wrote one."""
        lost = Service(name, 0, 0.0, url="", store="", log=str(self._log(name)), mark=self._mark(name))
        return lost if lost.members() else None

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        url: str,
        store: str,
        environment: Mapping[str, str],
        host: str = "",
    ) -> Service:
        """Start a program in the project folder, with no terminal and a log of its own, and record it.

        Args:
            name: Of the service.
            command: A Python module and its arguments.
            url: For the record.
            store: For the record.
            environment: Variables besides our own.
            host: For the record.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        log, mark = self._log(name), self._mark(name)
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=PROJECT,
                env={**os.environ, **environment, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        service = Service(name, process.pid, time.time(), url, store, str(log), host, mark)
        self._write(service)
        # Whether it lives is asked of the system; its exit is nobody's to wait for.
        process.returncode = 0
        return service

    def end(self, service: Service, *, patience_s: float) -> Literal["ended", "killed", "not running"]:
        """End all that still runs of a service, and record that this was on purpose."""
        outcome: Literal["ended", "killed", "not running"] = "not running"
        if service.members():
            outcome = end(service.leader(), service.members, patience_s=patience_s)
        self._write(replace(service, pid=0))
        return outcome

    def protect(self, given: str) -> str:
        """Credentials that Prefect's server is to ask for: those given, else the last ones, else new ones; kept."""
        credentials = given or self.credentials() or f"coincast:{secrets.token_urlsafe(24)}"
        self.path.mkdir(parents=True, exist_ok=True)
        draft = self._credentials.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(credentials, encoding="utf-8")
        draft.replace(self._credentials)
        return credentials

    def credentials(self) -> str:
        """`user:password` that Prefect's server started from here asks for; empty where none ever was."""
        try:
            return self._credentials.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def give_credentials(self, api: str) -> None:
        """Let this process, and those that it starts, use the server at `api`, if that is the one started from here.

        What the environment says for a server of others is left alone.
        """
        own = self.service("prefect")
        if own is not None and own.url == api and (credentials := self.credentials()):
            os.environ["PREFECT_API_AUTH_STRING"] = credentials

    @property
    def _credentials(self) -> Path:
        return self.path / "prefect.auth"

    def _record(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def _mark(self, name: str) -> str:
        return f"{self.path}/{name}"

    def _write(self, service: Service) -> None:
        record = self._record(service.name)
        draft = record.with_suffix(".new")
        draft.write_text(json.dumps(asdict(service), indent=1), encoding="utf-8")
        draft.replace(record)


def run_to_end(command: Sequence[str], *, environment: Mapping[str, str], limit_s: float) -> tuple[int, str]:
    """Run a Python module in the project folder: its exit status, and all that it said.

    Raises:
        ServiceError: It took too long.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=PROJECT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(
            f"`{' '.join(command)}` has not ended after {limit_s:.0f} s; run again."
        ) from error
    return done.returncode, done.stdout + done.stderr


def require_free(host: str, port: int, *, name: str, option: str) -> None:
    """Refuse a port that another program has.

    Raises:
        InputError: It is taken, or the address is not this machine's.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"{name} cannot listen on {host}:{port} ({error.strerror}): another program has it, or it is not "
                f"ours; end that program, or give {option}."
            ) from error
