"""Real processes, ended: a willing one, a stubborn one, and those that they started."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from flows.edges.processes import Process, end, running

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


@pytest.fixture
def spawn() -> Iterator:
    begun: list[subprocess.Popen] = []

    def work(code: str) -> tuple[Process, str]:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        return running()[process.pid], said

    yield work
    for process in begun:
        process.kill()
        process.communicate()


def test_a_willing_process_takes_its_stubborn_child_with_it(spawn) -> None:
    parent, said = spawn(PARENT)
    child = running()[int(said)]
    assert child.parent == parent.pid
    assert end(parent, patience_s=5) == "ended"
    assert not parent.is_alive()
    assert not child.is_alive()


def test_a_stubborn_process_is_killed_when_the_time_is_over(spawn) -> None:
    process, _ = spawn(STUBBORN)
    begun = time.monotonic()
    assert end(process, patience_s=0.5) == "killed"
    assert time.monotonic() - begun >= 0.5
    assert not process.is_alive()


def test_another_process_of_the_same_number_is_not_the_same(spawn) -> None:
    process, _ = spawn("import time; print(); time.sleep(60)")
    assert process.is_alive()
    assert not replace(process, started="another time").is_alive()
