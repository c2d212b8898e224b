"""What a person waits for first.

    python benchmarks/start.py demo     [--base cc085e4]
    python benchmarks/start.py help
    python benchmarks/start.py inspect

`demo` is `make run` where the environment is there, beside the earlier build's. `help` is `coincast --help` beside a
bare Typer application's, `inspect` that of a daily file beside a Typer application that reads it by pandas.
"""

import itertools
import sys
import tempfile
from pathlib import Path

from builds import Build, build_of, run, state, this_build
from market import LAST, market
from pairs import PROJECT, Measure, arguments, in_turn, keep

BARE = """
import typer
app = typer.Typer(no_args_is_help=True)
@app.command()
def inspect(file: str) -> None:
    import pandas
    table = pandas.read_csv(file, skiprows=1)
    print(table.describe())
@app.command()
def daily() -> None:
    pass
app()
"""


def command(words: list[str], folder: Path, *, where: Path = PROJECT) -> Measure:
    """Seconds of a command whose state is of no account."""
    return lambda: run(words, folder=where, environment=state(folder)).seconds


def demo(build: Build, folder: Path) -> Measure:
    """Seconds of the demo, on fresh stores each time."""
    numbers = itertools.count()

    def measure() -> float:
        kept = state(folder / f"{build.name.split()[0]}-{next(numbers)}")
        return run(build.words("demo"), folder=build.folder, environment=kept).seconds

    return measure


def candle_file(folder: Path) -> Path:
    """Eight years of simulated days."""
    with market(1) as served:
        served.close(LAST)
        ((name, content),) = served.files.items()
    (folder / name).write_bytes(content)
    return folder / name


def main() -> int:
    """Measure one; 1 past its mark."""
    parser = arguments(__doc__)
    parser.add_argument("kind", choices=("demo", "help", "inspect"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, ours = Path(name), this_build()
        bare = [sys.executable, "-c", BARE]
        if asked.kind == "demo":
            found = in_turn(demo(ours, folder), demo(build_of(asked.base), folder), pairs=asked.pairs)
            return int(not keep(f"make run, beside {asked.base}", found, mark=0.75))
        words = ["--help"] if asked.kind == "help" else ["inspect", str(candle_file(folder))]
        found = in_turn(
            command(ours.words(*words), folder), command([*bare, *words], folder), pairs=asked.pairs
        )
        what, beside = (
            ("--help", "a bare Typer's") if asked.kind == "help" else [*words[:1], "Typer with pandas"]
        )
        return int(not keep(f"coincast {what}, beside {beside}", found, mark=1.5))


if __name__ == "__main__":
    sys.exit(main())
