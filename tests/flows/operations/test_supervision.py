"""A program of three processes of which any are killed: it is repaired as a whole, and ended as a whole."""

import itertools
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from flows.edges.machine.background import RunFolder, Service, require_free
from flows.edges.machine.processes import is_alive
from flows.operations.supervision import Program, Standing, answering, begin
from pipeline.errors import InputError, StoreError

pytestmark = pytest.mark.slow

# The middle one has the port; the last one is in a session of its own.
TREE = """
import socket, subprocess, sys, time

def below(role):
    return subprocess.Popen([sys.executable, "-m", "tree", role, sys.argv[2]], start_new_session=role == "last")

if sys.argv[1] == "first":
    sys.exit(below("middle").wait())
if sys.argv[1] == "middle":
    server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
    below("last")
    while True:
        server.accept()[0].sendall(b"here")
time.sleep(600)
"""
ROLES = ("first", "middle", "last")
SUBSETS = [
    subset for count in (1, 2, 3) for subset in itertools.combinations(ROLES, count)
]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as there:
            return there.recv(4) == b"here"
    except OSError:
        return False


def roles(service: Service) -> dict[str, psutil.Process]:
    """Of the processes that live, by the words that they were started with."""
    return {one.cmdline()[3]: one for one in service.members()}


def kill(processes: Iterable[psutil.Process]) -> None:
    """With SIGKILL, all at once."""
    killed = list(processes)
    for one in killed:
        one.kill()
    while any(is_alive(one) for one in killed):
        time.sleep(0.01)


class Tree:
    def __init__(self, folder: Path) -> None:
        self.modules, self.port = folder / "modules", free_port()
        self.modules.mkdir()
        (self.modules / "tree.py").write_text(TREE)
        self.folder = RunFolder(folder / "home")
        self.wanted = {"url": f"tcp://127.0.0.1:{self.port}", "host": "127.0.0.1", "store": ""}

    def start(self) -> Service:
        require_free("127.0.0.1", self.port, name="The tree", option="--port")
        environment = {"PYTHONPATH": str(self.modules)}
        return self.folder.start(
            "mlflow", ["tree", "first", str(self.port)], environment=environment, **self.wanted
        )

    def up(self) -> Standing:
        program = Program("mlflow", self.wanted, self.start, lambda _: answers(self.port))
        standing = answering(begin(program, self.folder), self.folder, 20)
        limit = time.monotonic() + 10
        while standing.state == "started" and set(roles(standing.service)) != set(ROLES):
            assert time.monotonic() < limit
            time.sleep(0.05)
        return standing


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    yield made
    if service := made.folder.service("mlflow"):
        for one in service.members():
            one.kill()


@pytest.mark.parametrize("killed", SUBSETS, ids="+".join)
def test_whatever_is_killed_is_repaired_and_nothing_of_it_is_left(
    tree: Tree, killed: tuple[str, ...]
) -> None:
    before = roles(tree.up().service)
    kill(before[role] for role in killed)
    standing = tree.up()
    after = roles(standing.service)
    assert set(after) >= {"first", "middle"}
    assert answers(tree.port)
    if {"first", "middle"} & set(killed):
        assert standing.state == "started"
        assert set(after) == set(ROLES)
        assert not any(is_alive(one) for one in before.values())

    assert tree.folder.end(standing.service, patience_s=1) in ("ended", "killed")
    assert standing.service.members() == []
    require_free("127.0.0.1", tree.port, name="The tree", option="--port")
    assert tree.folder.end(standing.service, patience_s=1) == "not running"


@pytest.mark.parametrize("killed", SUBSETS, ids="+".join)
def test_what_is_left_of_a_killed_one_is_ended(tree: Tree, killed: tuple[str, ...]) -> None:
    service = tree.up().service
    there = roles(service)
    kill(there[role] for role in killed)
    tree.folder.end(service, patience_s=1)
    assert not any(is_alive(one) for one in there.values())
    assert service.members() == []


@pytest.mark.parametrize("killed", [(), *SUBSETS[:3]], ids="+".join)
def test_one_whose_record_is_lost_is_repaired(tree: Tree, killed: tuple[str, ...]) -> None:
    """`up` was killed before it wrote one, or somebody removed it."""
    before = roles(tree.up().service)
    kill(before[role] for role in killed)
    (tree.folder.path / "mlflow.json").unlink()
    assert tree.up().state == "started"
    assert answers(tree.port)
    assert not any(is_alive(one) for one in before.values())


def test_one_whose_record_is_lost_is_ended(tree: Tree) -> None:
    assert tree.folder.service("mlflow") is None
    there = roles(tree.up().service)
    (tree.folder.path / "mlflow.json").unlink()
    lost = tree.folder.service("mlflow")
    assert lost is not None
    assert tree.folder.end(lost, patience_s=1) in ("ended", "killed")
    assert not any(is_alive(one) for one in there.values())


@pytest.mark.parametrize("text", ["", "null", "[]", "3", '{"name": "mlflow"}', '{"pid"'])
def test_a_damaged_record_is_told(tmp_path: Path, text: str) -> None:
    folder = RunFolder(tmp_path)
    folder.path.mkdir()
    (folder.path / "mlflow.json").write_text(text)
    with pytest.raises(StoreError, match=r"mlflow.json is damaged .*run `coincast down`"):
        folder.service("mlflow")


def test_another_program_on_the_port_is_told_and_left_alone(tree: Tree) -> None:
    tree.folder.end(tree.up().service, patience_s=1)
    code = (
        f"import socket; s = socket.create_server(('127.0.0.1', {tree.port})); print(flush=True); s.accept()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        with pytest.raises(InputError, match="another program has it"):
            tree.up()
        assert stranger.poll() is None
        stranger.kill()


def test_a_record_of_an_earlier_version_names_nothing_that_runs(tree: Tree) -> None:
    record = tree.folder.path / "mlflow.json"
    record.parent.mkdir(parents=True)
    values = {
        "name": "mlflow",
        "pid": psutil.Process().pid,
        "started": "boot 1",
        "url": "u",
        "store": "s",
        "log": "l",
    }
    record.write_text(json.dumps(values))
    service = tree.folder.service("mlflow")
    assert service is not None
    assert (service.store, service.leader(), service.members()) == ("s", None, [])
