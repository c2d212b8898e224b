"""A disk that is full at any write: one line that says what to do, and the same command again once there is room."""

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.soak.installation import DAY, SEED, Installation, backfill, daily

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

DISKS = int(os.environ.get("SOAK_DISKS", "100"))
PAGE, ROOM = 4096, 64 * 2**20
BEFORE = daily(DAY - timedelta(days=1))


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, with room for all at first."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def resize(folder: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


def used(folder: Path) -> int:
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def check(here: Installation, words: tuple[str, ...], undisturbed: Installation, *, room: int) -> None:
    """With so many bytes left, and again with enough."""
    resize(here.folder, used(here.folder) + room)
    ended = here.run(*words)
    resize(here.folder, ROOM)
    here.require_whole()
    print(f"{words[0]} with room for {room:,} bytes: {ended.code} {ended.last_line}")
    if ended.code:
        assert "free some space" in ended.last_line, ended.said
        assert not any(word in ended.said for word in ("Traceback", "SQL", "sqlite3", "INSERT")), ended.said
    again = here.run(*words)
    assert again.code == 0, again.said
    here.require_whole()
    here.require_same(undisturbed)


@pytest.mark.parametrize(
    ("words", "former", "disks"),
    [
        pytest.param(daily(), BEFORE, 1, id="daily, sample"),
        *(
            pytest.param(words, former, DISKS, id=name, marks=pytest.mark.soak)
            for name, words, former in (
                ("daily on a fresh store", daily(), ()),
                ("daily after another", daily(), BEFORE),
                ("backfill after a daily", backfill(), BEFORE),
            )
        ),
    ],
)
def test_a_full_disk_is_one_line_and_nothing_is_half(
    installation: Callable[..., Installation],
    tmp_path: Path,
    words: tuple[str, ...],
    former: tuple[str, ...],
    disks: int,
) -> None:
    lost = []
    with disk(tmp_path / "whole") as folder:
        undisturbed = installation(folder, until=DAY)
        if former:
            assert undisturbed.run(*former).code == 0
        begun = used(folder)
        before = undisturbed.copy(tmp_path / "before")
        assert undisturbed.run(*words).code == 0
        needed = used(folder) - begun
        for number in range(disks):
            chance = random.Random(f"{SEED} {words[0]} {number}")
            with disk(tmp_path / str(number)) as small:
                try:
                    check(
                        before.copy(small), words, undisturbed, room=PAGE * chance.randint(0, needed // PAGE)
                    )
                except (AssertionError, TimeoutError) as error:
                    lost.append(f"{number}: {error}")
    print(f"{disks} disks, {len(lost)} lost")
    assert lost == []
