"""A backfill as a data engineer has it: the whole command, on simulated candles.

    python benchmarks/backfill.py base       [--days 365] [--pairs 5] [--base cc085e4]
    python benchmarks/backfill.py processes  [--series 4] [--days 90]

`base` makes a year of one series with weekly fits in this process, beside the earlier build, each with the recipe that
it publishes. `processes` makes several series by two processes, beside one.
"""

import argparse
import itertools
import sys
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from builds import Build, build_of, run, state, this_build
from market import LAST, Market, market
from pairs import Measure, arguments, in_turn, keep


def filling(build: Build, folder: Path, served: Market, *, days: int, processes: int = 1) -> Measure:
    """Seconds of the backfill, on fresh stores each time."""
    numbers = itertools.count()

    def measure() -> float:
        kept = state(folder / f"{build.name.split()[0]}-{processes}-{next(numbers)}")
        first = LAST - timedelta(days=days - 1)
        words = [*served.words(LAST)[:4], "--from", str(first), "--to", str(LAST), "--refit-every", "7"]
        parallel = ["--max-parallel", str(processes)] if processes > 1 else []
        command = build.words("backfill", *words, *parallel, "--quiet")
        return run(command, folder=build.folder, environment=kept).seconds

    return measure


def main() -> int:
    """Measure one kind; 1 past its mark."""
    parser = arguments(__doc__)
    parser.add_argument("kind", choices=("base", "processes"))
    parser.add_argument("--series", type=int, default=4)
    parser.add_argument("--days", type=int, help="365, with processes 90")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        served = stack.enter_context(market(1 if asked.kind == "base" else asked.series))
        served.close(LAST)
        return int(not {"base": beside_base, "processes": by_two}[asked.kind](asked, folder, served))


def beside_base(asked: argparse.Namespace, folder: Path, served: Market) -> bool:
    """One series by the two builds."""
    days = asked.days or 365
    ours = filling(this_build(), folder, served, days=days)
    theirs = filling(build_of(asked.base), folder, served, days=days)
    found = in_turn(ours, theirs, pairs=asked.pairs)
    return keep(f"a backfill of {days} days, weekly fits, beside {asked.base}", found, mark=0.30)


def by_two(asked: argparse.Namespace, folder: Path, served: Market) -> bool:
    """Two processes beside one: 1.8 times as fast is a ratio of 0.556."""
    days = asked.days or 90
    two = filling(this_build(), folder, served, days=days, processes=2)
    one = filling(this_build(), folder, served, days=days)
    name = f"a backfill of {asked.series} series x {days} days by two processes, beside one"
    return keep(name, in_turn(two, one, pairs=asked.pairs), mark=1 / 1.8)


if __name__ == "__main__":
    sys.exit(main())
