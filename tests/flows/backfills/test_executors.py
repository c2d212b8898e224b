"""Executors by themselves: processes that die, and who is asked for what."""

from pathlib import Path

import pytest

from flows.backfills import executors as backfill_executors
from flows.backfills.executors import in_processes

pytestmark = pytest.mark.slow

# Chunk 0 dies while its neighbour works; the others are made.
WORK = """
import os, time
from pathlib import Path
def work(folder, chunk):
    Path(folder, f"begun {chunk} {time.monotonic_ns()}").touch()
    if chunk == 0:
        while not any(Path(folder).glob("begun 1 *")):
            time.sleep(0.01)
        os._exit(9)
    time.sleep(0.5)
    Path(folder, f"made {chunk}").touch()
    return 1
"""


def test_a_process_that_dies_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashing_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    from crashing_work import work  # type: ignore[import-not-found]

    monkeypatch.setattr(backfill_executors, "work_chunk", work)
    ends: list[int] = []
    in_processes(str(tmp_path), count=2, on_chunk=lambda: ends.append(1))([0, 1, 2, 3])
    assert sorted(path.name for path in tmp_path.glob("made *")) == ["made 1", "made 2", "made 3"]
    assert sorted(path.name[:7] for path in tmp_path.glob("begun *")) == [
        "begun 0",
        "begun 1",
        "begun 2",
        "begun 3",
    ]
    assert len(ends) == 4
