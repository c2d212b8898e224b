import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from flows.edges.machine.processes import is_alive

pytestmark = pytest.mark.slow

BEGIN = """
import os, sys, time, urllib.request
from flows.edges.machine.own_server import start_own_server
from flows.edges.machine.runtime import prepare_environment
prepare_environment(terminal=True)
server = start_own_server()
def say(word): print(word, flush=True)
def address():
    from prefect.settings import get_current_settings
    return get_current_settings().api.url
"""
STAY = BEGIN + "with server:\n    say(address())\n    time.sleep(60)\n"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def servers(home: Path) -> list[int]:
    """Numbers of the processes that use this PREFECT_HOME and are servers."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("PREFECT_HOME") == str(home)
            if ours and "flows.edges.machine.own_server" in process.cmdline() and is_alive(process):
                found.append(process.pid)
    return found


def gone(condition: Callable[[], object], *, within_s: float = 20) -> bool:
    limit = time.monotonic() + within_s
    while condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def environment(home: Path, **more: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
    return own | {"PREFECT_HOME": str(home), **more}


def run(script: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], env=environment(home, **more), cwd=home.parent,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@contextmanager
def staying(script: str, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that has a server of its own, and what it said first; in a process group of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment(home), cwd=home.parent,
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()
        assert gone(lambda: servers(home))


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PREFECT_HOME whose database has been made, by the first server on a fresh machine."""
    home = tmp_path_factory.mktemp("made") / "prefect"
    done = run(BEGIN + "with server:\n    say(address())\n", home)
    assert done.returncode == 0, done.stderr
    assert not answers(done.stdout.strip())
    assert servers(home) == []
    return home


@pytest.fixture
def home(used_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(used_home, tmp_path / "prefect"))


def test_what_a_flow_says_is_kept_when_the_command_ends_at_once(home: Path) -> None:
    script = BEGIN + (
        "import logging\n"
        "from prefect import flow, task\n"
        "@task\n"
        "def step(): logging.getLogger('coincast').info('a word of a task')\n"
        "@flow(name='said')\n"
        "def work(): step(); return os.getppid()\n"
        "with server: work()\n"
    )
    done = run(script, home)
    assert (done.returncode, done.stderr) == (0, "")
    with sqlite3.connect(home / "prefect.db") as database:
        states = database.execute(
            "SELECT r.state_type FROM flow_run r JOIN flow f ON f.id = r.flow_id WHERE f.name = 'said'"
        ).fetchall()
        words = database.execute("SELECT count(*) FROM log WHERE message = 'a word of a task'").fetchone()
        events = database.execute(
            "SELECT count(*) FROM events WHERE event = 'prefect.flow-run.Completed'"
        ).fetchone()
    assert states == [("COMPLETED",)]
    assert words == (1,)
    assert events == (1,)


def test_a_password_of_servers_is_given_to_this_one_too(home: Path) -> None:
    script = (
        BEGIN + "from prefect import flow\n@flow\ndef work(): return 'worked'\nwith server: say(work())\n"
    )
    done = run(script, home, PREFECT_SERVER_API_AUTH_STRING="ann:secret")
    assert (done.returncode, done.stdout.strip()) == (0, "worked"), done.stderr


def test_the_server_ends_with_a_killed_command(home: Path) -> None:
    with staying(STAY, home) as (process, address):
        assert answers(address)
        assert len(servers(home)) == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert gone(lambda: servers(home))
        assert not answers(address)


def test_an_interrupt_of_the_keyboard_leaves_the_server_to_the_command(home: Path) -> None:
    script = BEGIN + (
        # A shell that began the tests in the background had them ignore it.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with server:\n"
        "    try:\n"
        "        say(address())\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        time.sleep(1)\n"
        "        say(urllib.request.urlopen(address() + '/health').status)\n"
    )
    with staying(script, home) as (process, address):
        assert address
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "200"
        assert process.wait(20) == 0
        assert servers(home) == []


def test_a_named_server_is_used_and_none_is_started(tmp_path: Path) -> None:
    script = BEGIN + "with server: say(address())\n"
    done = run(script, tmp_path / "prefect", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (done.returncode, done.stdout.strip()) == (0, "http://127.0.0.1:9/api")
    assert not (tmp_path / "prefect" / "prefect.db").exists()


def test_a_server_that_prefect_s_profile_names_is_used(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    home.mkdir()
    (home / "profiles.toml").write_text(
        'active = "office"\n[profiles.office]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )
    done = run(BEGIN + "with server: say(address())\n", home)
    assert (done.returncode, done.stdout.strip()) == (0, "http://127.0.0.1:9/api")
    assert not (home / "prefect.db").exists()


def test_a_server_that_cannot_open_its_database_is_told_in_one_line(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    home.mkdir()
    (home / "prefect.db").write_bytes(b"this is no database" * 100)
    done = run(BEGIN + "with server: say('not reached')\n", home)
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("pipeline.errors.ServiceError: The Prefect server of this command")
    assert "file is not a database" in last
    assert servers(home) == []


def test_a_server_that_is_too_slow_is_ended_and_told(home: Path) -> None:
    done = run(
        BEGIN + "with server: say('not reached')\n",
        home,
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="1",
    )
    assert done.stdout == ""
    assert "did not answer within 1 s" in done.stderr.strip().splitlines()[-1]
    assert servers(home) == []
