"""Real processes, ended: a willing one, a stubborn one, those that they started, and none that is a stranger."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest

from flows.edges.machine.processes import MARK, end, find, is_alive, marked

pytestmark = pytest.mark.slow

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
WILLING = "import time; print(flush=True); time.sleep(60)"


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def spawn(mark: str) -> Iterator[Callable[..., tuple[psutil.Process, str]]]:
    begun: list[subprocess.Popen[str]] = []

    def work(code: str, mark: str = mark) -> tuple[psutil.Process, str]:
        environment = os.environ | {MARK: mark}
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
        )
        begun.append(process)
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        return psutil.Process(process.pid), said

    yield work
    for process in begun:
        process.kill()
        process.communicate()


def test_a_willing_process_takes_its_stubborn_child_with_it(spawn, mark: str) -> None:
    parent, said = spawn(PARENT)
    child = psutil.Process(int(said))
    assert set(marked(mark)) == {parent, child}
    assert end(parent, lambda: marked(mark), patience_s=5) == "ended"
    assert not is_alive(parent)
    assert not is_alive(child)


def test_the_child_of_a_killed_process_is_found_and_ended(spawn, mark: str) -> None:
    parent, said = spawn(PARENT)
    child = psutil.Process(int(said))
    parent.kill()
    while is_alive(parent):
        time.sleep(0.01)
    assert marked(mark) == [child]
    assert end(None, lambda: marked(mark), patience_s=5) == "ended"
    assert not is_alive(child)


def test_a_stubborn_process_is_killed_when_the_time_is_over(spawn, mark: str) -> None:
    process, _ = spawn(STUBBORN)
    begun = time.monotonic()
    assert end(process, lambda: marked(mark), patience_s=0.5) == "killed"
    assert time.monotonic() - begun >= 0.5
    assert not is_alive(process)


def test_another_process_of_the_same_number_is_not_the_same(spawn, mark: str) -> None:
    process, _ = spawn(WILLING)
    created = process.create_time()
    assert find(process.pid, mark=mark, created=created) == process
    # Its environment decides: times move when the clock is set.
    assert find(process.pid, mark=mark, created=created + 3600) == process
    assert find(process.pid, mark="another", created=created) is None
    assert marked("another") == []


def test_a_process_that_hides_its_environment_is_told_by_its_beginning(
    spawn, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = spawn(WILLING)

    def hidden(self: psutil.Process) -> dict[str, str]:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "environ", hidden)
    created = process.create_time()
    assert find(process.pid, mark=mark, created=created) == process
    assert find(process.pid, mark=mark, created=created + 3600) is None


def test_what_ended_and_was_not_collected_does_not_run(spawn, mark: str) -> None:
    process, _ = spawn("print(flush=True)")
    while process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not is_alive(process)
    assert marked(mark) == []
