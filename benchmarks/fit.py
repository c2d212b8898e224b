"""How long the published recipe's fit of a whole history takes, beside a reference in the same run.

    python benchmarks/fit.py [FILE] [--pairs 7] [--base cc085e4] [--reference range-lstm]

Ours and the reference are fitted in turn, A B A B, each in a process of its own that imported everything and fitted
once before. The reference is the recipe `--reference`: of this build, or of the commit `--base`, which is checked out
into a folder that is removed at the end. Without FILE the history is simulated, as long as BTC's. Prints the medians,
the spread, the ratio of the pairs and the first fits (compilation included) as a line of JSON; 1 past the mark.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = 0.25
OURS = "range-blend"
PROJECT = Path(__file__).resolve().parent.parent
# It answers each line with the seconds of a fit, features included. Packages lay elsewhere up to cc085e4.
WORKER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from datetime import date
from pathlib import Path
try:
    from flows.edges.machine.runtime import prepare_environment
    from pipeline.features.feature_grid import FeatureGrid
    from pipeline.models.catalogue import find_recipe
    from pipeline.models.fitting import fit
    ready = FeatureGrid.of
except ImportError:
    from flows.edges.runtime import prepare_environment
    from pipeline.forecasting import fit
    from pipeline.recipes.catalogue import find_recipe
    ready = lambda table: table
prepare_environment()
import keras
from pipeline.candles import daily_grid, read_candles
from pipeline.simulation import simulate_candles
if sys.argv[3]:
    candles = read_candles(Path(sys.argv[3]).read_bytes(), series=None, fetched_at=None).candles
else:
    candles = simulate_candles(seed=1, first=date(2017, 8, 17), last=date(2026, 3, 30), price=4300.0)
table, recipe = daily_grid(candles), find_recipe(sys.argv[2])
for _ in sys.stdin:
    start = time.perf_counter()
    fit(recipe, ready(table), as_of=table["date"].iloc[-1].date(), seed=1)
    print("seconds", time.perf_counter() - start, flush=True)
"""


class Worker:
    """A process that fits on demand."""

    def __init__(self, code: Path, recipe: str, file: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(code), recipe, file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=code,
        )

    def seconds(self) -> float:
        """Of one more fit."""
        assert self.process.stdin
        assert self.process.stdout
        print("go", file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("seconds"):
                return float(line.split()[1])
        raise SystemExit("A worker ended before it answered; run its command by hand to see why.")

    def end(self) -> None:
        """Its input ends, and so does it."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The project's folder as of `commit`; the project's own without one."""
    if not commit:
        yield PROJECT
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit], cwd=PROJECT, capture_output=True, check=True)
        subprocess.run(["tar", "x", "-C", folder], input=archive.stdout, check=True)
        yield Path(folder)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?", default="")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--base", default="", metavar="COMMIT")
    parser.add_argument("--reference", default="range-lstm")
    asked = parser.parse_args()
    file = str(Path(asked.file).resolve()) if asked.file else ""
    with checkout(asked.base) as code:
        workers = Worker(PROJECT, OURS, file), Worker(code, asked.reference, file)
        first = [worker.seconds() for worker in workers]
        pairs = [[worker.seconds() for worker in workers] for _ in range(asked.pairs)]
        for worker in workers:
            worker.end()
    ours, reference = (sorted(seconds) for seconds in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    found = {
        "name": f"fit of {OURS} beside {asked.reference}" + (f" of {asked.base}" if asked.base else ""),
        "ours": round(statistics.median(ours), 3),
        "ours_spread": [round(ours[0], 3), round(ours[-1], 3)],
        "reference": round(statistics.median(reference), 3),
        "reference_spread": [round(reference[0], 3), round(reference[-1], 3)],
        "ratio": round(ratio, 3),
        "ratio_first_fits": round(first[0] / first[1], 3),
        "mark": MARK,
        "met": ratio <= MARK,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    print(json.dumps(found))
    return int(not found["met"])


if __name__ == "__main__":
    sys.exit(main())
