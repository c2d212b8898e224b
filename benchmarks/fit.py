"""How long the published recipe's fit of a whole history takes, beside a reference in the same run.

    python benchmarks/fit.py [FILE] [--pairs 7] [--base cc085e4] [--reference range-lstm]

Ours and the reference are fitted in turn, each in a process of its own that imported everything and fitted once before.
The reference is the recipe `--reference` of the commit `--base`; of this build with `--base ""`. Without FILE the
history is simulated, as long as BTC's.
"""

import subprocess
import sys
from pathlib import Path

from builds import Build, build_of, this_build
from pairs import arguments, in_turn, keep

MARK = 0.25
OURS = "range-blend"
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

    def __init__(self, build: Build, recipe: str, file: str) -> None:
        self.process = subprocess.Popen(
            [str(build.python), "-c", WORKER, str(build.folder), recipe, file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=build.folder,
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


def main() -> int:
    """Measure; 1 past the mark."""
    parser = arguments(__doc__, pairs=7)
    parser.add_argument("file", nargs="?", default="")
    parser.add_argument("--reference", default="range-lstm")
    asked = parser.parse_args()
    file = str(Path(asked.file).resolve()) if asked.file else ""
    ours = Worker(this_build(), OURS, file)
    theirs = Worker(build_of(asked.base) if asked.base else this_build(), asked.reference, file)
    found = in_turn(ours.seconds, theirs.seconds, pairs=asked.pairs)
    ours.end(), theirs.end()
    beside = f"{asked.reference}'s" + (f" of {asked.base}" if asked.base else "")
    return int(not keep(f"a fit of {OURS} on BTC's whole history, beside {beside}", found, mark=MARK))


if __name__ == "__main__":
    sys.exit(main())
