"""The page of performance says what was kept, no more and no less."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_is_made_of_the_results() -> None:
    done = subprocess.run([sys.executable, "benchmarks/table.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run `python benchmarks/table.py`"
