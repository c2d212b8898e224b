"""Turns on a name are taken one at a time, by threads and by processes, on either database."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from flows.edges.configuration import configuration
from flows.edges.machine import locks
from flows.edges.machine.locks import locks_of
from pipeline.errors import StoreError

pytestmark = pytest.mark.slow

# Reads, waits and writes back: without turns most of the additions are lost.
ADDER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from flows.edges.configuration import configuration
from flows.edges.machine.locks import locks_of
lock = locks_of(replace(configuration().places, database_url=sys.argv[1]))
count = Path(sys.argv[2])
for _ in range(10):
    with lock("counting"):
        seen = int(count.read_text())
        time.sleep(0.01)
        count.write_text(str(seen + 1))
"""


def test_processes_take_turns(database_url: str, tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    adders = [subprocess.Popen([sys.executable, "-c", ADDER, database_url, str(count)]) for _ in range(3)]
    assert [adder.wait(timeout=120) for adder in adders] == [0, 0, 0]
    assert count.read_text() == "30"


def test_threads_wait_and_other_names_do_not(database_url: str) -> None:
    lock = locks_of(replace(configuration().places, database_url=database_url))
    entered = threading.Event()

    def enter() -> None:
        with lock("one"):
            entered.set()

    with lock("one"):
        waiting = threading.Thread(target=enter)
        waiting.start()
        with lock("another"):
            assert not entered.wait(0.3)
    assert entered.wait(10)
    waiting.join()


def test_a_turn_that_does_not_come_is_an_error(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_LIMIT_S", 1)
    lock = locks_of(replace(configuration().places, database_url=database_url))
    with lock("one"), pytest.raises(StoreError), lock("one"):
        pass
    with lock("one"):
        pass


def test_a_database_that_does_not_answer_is_an_error() -> None:
    nowhere = replace(configuration().places, database_url="postgresql://ann:secret@127.0.0.1:9/coincast")
    with pytest.raises(StoreError) as caught, locks_of(nowhere)("one"):
        pass
    assert "secret" not in str(caught.value)
