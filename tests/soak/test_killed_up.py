"""`coincast up` that is killed at points chosen by a seed: the next one serves, and `down` leaves nothing behind."""

import json
import os
import random
import socket
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from tests.soak.installation import SEED, Installation

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(4 * 3600)]

KILLS = int(os.environ.get("SOAK_UP_KILLS", "20"))


def free_ports() -> list[str]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in (one, other)]


def of_home(home: Path) -> list[psutil.Process]:
    """Every process of this machine whose state folder it is."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.environ().get("COINCAST_HOME") == str(home) and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def check(here: Installation, chance: random.Random, *, writes: int, seconds: float) -> str:
    ports = free_ports()
    up = ("up", "--prefect-port", ports[0], "--mlflow-port", ports[1], "--json")
    by_write = chance.random() < 0.5
    at = chance.randint(1, writes) if by_write else 0
    command = here.begin(*up, killed_at=at)
    if not by_write and command.wait(chance.uniform(0, seconds)) is None:
        command.kill()
    killed = command.end()
    told = f"killed at write {at}" if by_write else f"killed after {killed.seconds:.1f} s"
    again = here.run(*up)
    assert again.code == 0, f"{told}: {again.said}"
    states = {one["name"]: one["state"] for one in json.loads(again.last_line)["services"]}
    for port in ports:
        health = requests.get(f"http://127.0.0.1:{port}{'/api' * (port == ports[0])}/health", timeout=20)
        assert health.status_code in (200, 401), told
    down = here.run("down", "--json", "--patience", "60")
    assert down.code == 0, down.said
    left = [(one.pid, one.cmdline()) for one in of_home(here.home)]
    assert left == [], f"{told}: {left}"
    return f"{told}: {states}"


def test_an_up_that_is_killed_is_done_by_the_next(tmp_path: Path) -> None:
    first, lost = Installation(tmp_path / "first"), []
    first.folder.mkdir()
    ports = free_ports()
    undisturbed = first.run("up", "--prefect-port", ports[0], "--mlflow-port", ports[1], "--json")
    assert undisturbed.code == 0, undisturbed.said
    assert first.run("down", "--patience", "60").code == 0
    print(f"{undisturbed.writes} writes, {undisturbed.seconds:.0f} s")
    for number in range(KILLS):
        here = Installation(tmp_path / str(number))
        here.folder.mkdir()
        chance = random.Random(f"{SEED} up {number}")
        try:
            print(check(here, chance, writes=undisturbed.writes, seconds=undisturbed.seconds))
        except (AssertionError, TimeoutError) as error:
            lost.append(f"{number}: {error}")
            print(lost[-1][:600])
            for one in of_home(here.home):
                one.kill()
    print(f"{KILLS} kills, {len(lost)} lost")
    assert lost == []
