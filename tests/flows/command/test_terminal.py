import os
import pty
import re
import subprocess
import sys

import pytest

from flows.command.terminal import time_left, watched
from flows.reporting.progress import log, watcher

SCRIPT = """
from flows.command.terminal import watched
from flows.reporting.progress import watcher
with watched(quiet={quiet}):
    watcher.get().stage("binance/BTCUSDT/1d", "download")
    watcher.get().advance("bytes", 50, 100)
    watcher.get().stage("binance/BTCUSDT/1d", "train")
print("done")
"""


def on_a_terminal(*, quiet: bool, script: str = SCRIPT) -> str:
    """What a person sees, without the signs that move the cursor."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script.format(quiet=quiet)], stdout=terminal, stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(terminal)
    seen = b""
    try:
        while part := os.read(screen, 4096):
            seen += part
    except OSError:
        # Linux tells so that nobody writes any more.
        pass
    finally:
        os.close(screen)
    assert process.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())


def test_a_log_gets_a_line_when_a_stage_begins(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(quiet=False):
        watcher.get().stage("binance/BTCUSDT/1d", "download")
        watcher.get().advance("bytes", 50, 100)
        watcher.get().stage("binance/BTCUSDT/1d", "train")
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d binance/BTCUSDT/1d  download\n\d\d:\d\d:\d\d binance/BTCUSDT/1d  train\n", said.err
    )


@pytest.mark.parametrize("quiet", [True, False])
def test_a_warning_of_the_log_is_told_to_whoever_asked_for_quiet_too(
    quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with watched(quiet=quiet):
        log.warning("%s: the newest file is suspect", "binance/BTCUSDT/1d")
        log.error("this ends the command, which tells it")
    log.warning("nobody watches any more")
    assert capsys.readouterr() == ("", "warning: binance/BTCUSDT/1d: the newest file is suspect\n")


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "words"),
    [
        (30.0, 1, 4, "about 1:30 left"),
        (60.0, 2, 3, "about 0:30 left"),
        (3600.0, 1, 3, "about 2:00:00 left"),
        (10.0, 0, 4, ""),
        (10.0, 4, 4, ""),
        (10.0, 3, None, ""),
        (0.2, 1, 4, ""),
    ],
)
def test_the_time_left_is_told_at_the_pace_so_far(
    elapsed: float, done: float, total: float | None, words: str
) -> None:
    assert time_left(elapsed, done, total) == words


def test_a_terminal_tells_the_time_left_and_quiet_does_not() -> None:
    slow = """
import time
from flows.command.terminal import watched
from flows.reporting.progress import watcher
with watched(quiet={quiet}):
    watcher.get().stage("binance/BTCUSDT/1d", "backtest")
    time.sleep(1.1)
    watcher.get().advance("fit of 2024-01-01", 1, 2)
    time.sleep(0.3)
print("done")
"""
    assert "about 0:01 left" in on_a_terminal(quiet=False, script=slow)
    assert on_a_terminal(quiet=True, script=slow).split() == ["done"]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(quiet=True):
        watcher.get().stage("binance/BTCUSDT/1d", "download")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_finished_line_for_each_stage() -> None:
    seen = on_a_terminal(quiet=False)
    last = seen[seen.rindex("binance/BTCUSDT/1d  download") - 2 :]
    assert [line.split()[:3] for line in last.splitlines() if "binance" in line] == [
        ["✓", "binance/BTCUSDT/1d", "download"],
        ["✓", "binance/BTCUSDT/1d", "train"],
    ]
    assert last.rstrip().endswith("done")


def test_quiet_is_quiet_on_a_terminal() -> None:
    assert on_a_terminal(quiet=True).split() == ["done"]
