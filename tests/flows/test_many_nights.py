"""Nights by the dozen in one worker's process: `benchmarks/nights.py`, held to what docs/reliability.md promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(7200)]

PROJECT = Path(__file__).parents[2]
NIGHTS = os.environ.get("SOAK_NIGHTS", "40")


def test_a_worker_does_not_leak_and_retention_gives_the_disk_its_space_back() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/nights.py", "--nights", NIGHTS, "--series", "1"],
        cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    print(done.stdout)
    early, late = found["after_twenty"], found["after_all"]
    assert found["memory_growth"] <= 0.05
    assert late["files"] <= early["files"]
    assert late["threads"] <= early["threads"]
    before, after = found["rows_before"], found["rows_after"]
    # Of nights spread over a year those of the last quarter are kept, and events of the last week.
    assert 0 < after["flow_run"] <= before["flow_run"] * 0.3 + 1
    assert after["events"] < before["events"] * 0.1
    for name, size in found["bytes_after"].items():
        assert size <= found["bytes_before"][name]
    freed = {one["name"]: one["freed"] for one in found["retention"]["databases"]}
    assert freed["Prefect"] > 0.1 * found["bytes_before"]["Prefect's database"]
