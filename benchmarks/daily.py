"""A daily run as an operator has it: the whole command, to the published page.

    python benchmarks/daily.py night   [--series 20] [--pairs 5] [--base cc085e4]
    python benchmarks/daily.py growth  [--series 50] [--few 10]
    python benchmarks/daily.py nothing-new [--series 1]
    python benchmarks/daily.py memory

`night` runs day after day on stores that keep growing, ours and the earlier build's in turn, each with the recipe that
it publishes; the first day is not counted. `growth` is a night of many series beside one of few. `nothing-new` runs a
day again that is published, beside the earlier build and beside a bare import of pandas and Prefect. `memory` is the
largest process of a day beside that of an import of TensorFlow.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from builds import Build, Spent, build_of, run, state, this_build
from market import LAST, Market, market
from pairs import Measure, arguments, in_turn, keep


class Operator:
    """A build with stores of its own, which runs one day after the other."""

    def __init__(self, build: Build, folder: Path, served: Market) -> None:
        self.build, self.served, self.day = build, served, LAST
        self.environment = state(folder)

    def night(self) -> Spent:
        """The next day's."""
        self.day += timedelta(days=1)
        self.served.close(self.day)
        return self.again()

    def again(self) -> Spent:
        """The same day's once more."""
        words = self.build.words("daily", *self.served.words(self.day), "--quiet")
        return run(words, folder=self.build.folder, environment=self.environment)


def night(asked: argparse.Namespace, folder: Path, served: Market) -> bool:
    """Against the earlier build."""
    ours = Operator(this_build(), folder / "ours", served)
    theirs = Operator(build_of(asked.base), folder / "theirs", served)
    found = in_turn(lambda: ours.night().seconds, lambda: theirs.night().seconds, pairs=asked.pairs)
    return keep(f"a night of {asked.series} series, beside {asked.base}", found, mark=0.20)


def growth(asked: argparse.Namespace, folder: Path, served: Market) -> bool:
    """Many series beside few; seconds and the largest process."""
    with market(asked.few) as less:
        many = Operator(this_build(), folder / "many", served)
        few = Operator(this_build(), folder / "few", less)
        spent: list[tuple[Spent, Spent]] = []

        def pair() -> float:
            spent.append((many.night(), few.night()))
            return 0.0

        for _ in range(asked.pairs + 1):
            pair()
    counted = spent[1:]
    name = f"a night of {asked.series} series, beside one of {asked.few}"
    seconds = [(one.seconds, other.seconds) for one, other in counted]
    memory = [(one.memory / 2**20, other.memory / 2**20) for one, other in counted]
    fast = keep(name, seconds, mark=4.5)
    return keep(f"{name}: memory", memory, mark=1.3, unit="MiB") and fast


def nothing_new(asked: argparse.Namespace, folder: Path, served: Market) -> bool:
    """A published day once more."""
    ours = Operator(this_build(), folder / "ours", served)
    theirs = Operator(build_of(asked.base), folder / "theirs", served)
    ours.night(), theirs.night()
    again: Measure = lambda: ours.again().seconds  # noqa: E731
    name = "a daily run with nothing new"
    found = in_turn(again, lambda: theirs.again().seconds, pairs=asked.pairs)
    sooner = keep(f"{name}, beside {asked.base}", found, mark=0.35)
    found = in_turn(again, lambda: _import("pandas, prefect", folder).seconds, pairs=asked.pairs)
    return keep(f"{name}, beside an import of pandas and prefect", found, mark=2.0) and sooner


def memory(asked: argparse.Namespace, folder: Path, served: Market) -> bool:
    """The largest process of a whole day."""
    ours = Operator(this_build(), folder / "ours", served)
    found = in_turn(
        lambda: ours.night().memory / 2**20,
        lambda: _import("tensorflow", folder).memory / 2**20,
        pairs=asked.pairs,
    )
    return keep("peak memory of a daily run, beside an import of tensorflow", found, mark=1.6, unit="MiB")


def _import(packages: str, folder: Path) -> Spent:
    words = [sys.executable, "-c", f"import {packages}"]
    return run(words, folder=folder, environment=state(folder / "imports"))


KINDS = {"night": night, "growth": growth, "nothing-new": nothing_new, "memory": memory}


def main() -> int:
    """Measure one kind; 1 past its mark."""
    parser = arguments(__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--series", type=int, help="20 for a night, 50 for growth, otherwise 1")
    parser.add_argument("--few", type=int, default=10)
    asked = parser.parse_args()
    asked.series = asked.series or {"night": 20, "growth": 50}.get(asked.kind, 1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        served = stack.enter_context(market(asked.series))
        return int(not KINDS[asked.kind](asked, folder, served))


if __name__ == "__main__":
    sys.exit(main())
