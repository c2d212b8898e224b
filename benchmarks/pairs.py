"""Pairs: ours and its reference in turn in one run, what they came to, and where that is kept."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "benchmarks" / "results.json"
PAGE = PROJECT / "docs" / "performance.md"
PACKAGES = ("coincast", "tensorflow", "keras", "numpy", "pandas", "prefect", "mlflow", "great-expectations")
FEWEST_PAIRS = 5

Measure = Callable[[], float]


@dataclass(frozen=True)
class Result:
    """What a row's pairs came to.

    Attributes:
        name: What was measured beside what; one row of the table bears it, the newest.
        ours: Median, in `unit`.
        reference: Median of the reference.
        ratio: Median of the pairs' ratios, ours over reference.
        mark: The ratio at most, or None where it is only reported.
        met: Whether the ratio is at the mark.
        spread: Smallest and largest ratio of a pair.
        pairs: How many.
        unit: Of both medians.
        command: Makes it again.
        machine: Processor, number of processors, load when it began.
        versions: Of Python and of the packages that matter.
        note: Why a mark is missed and what was tried, or what else must be known.
    """

    name: str
    ours: float
    reference: float
    ratio: float
    mark: float | None
    met: bool | None
    spread: tuple[float, float]
    pairs: int
    unit: str
    command: str
    machine: str
    versions: dict[str, str] = field(default_factory=dict)
    note: str = ""


def in_turn(ours: Measure, reference: Measure, *, pairs: int = FEWEST_PAIRS) -> list[tuple[float, float]]:
    """Both measured in turn, A B A B, after each was run once for nothing."""
    ours(), reference()
    found = []
    for number in range(pairs):
        found.append((ours(), reference()))
        print(f"  pair {number + 1} of {pairs}: {found[-1][0]:.4g} and {found[-1][1]:.4g}", file=sys.stderr)
    return found


def keep(
    name: str, found: list[tuple[float, float]], *, mark: float | None, unit: str = "s", note: str = ""
) -> bool:
    """Print what the pairs came to and append it to results.json; whether the mark is met.

    Fewer than five pairs are printed and not kept.
    """
    ratios = sorted(one / other for one, other in found)
    ratio = statistics.median(ratios)
    result = Result(
        name=name,
        ours=_rounded(statistics.median(one for one, _ in found)),
        reference=_rounded(statistics.median(other for _, other in found)),
        ratio=_rounded(ratio),
        mark=mark,
        met=None if mark is None else ratio <= mark,
        spread=(_rounded(ratios[0]), _rounded(ratios[-1])),
        pairs=len(found),
        unit=unit,
        command=_command(),
        machine=_machine(),
        versions={"python": platform.python_version()} | {one: version(one) for one in PACKAGES},
        note=note,
    )
    print(json.dumps(asdict(result)), flush=True)
    if len(found) >= FEWEST_PAIRS:
        _append(asdict(result))
    return result.met is not False


def arguments(description: str | None, *, pairs: int = FEWEST_PAIRS) -> argparse.ArgumentParser:
    """A parser that knows `--pairs` and `--base`, the commit whose build is the reference."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=pairs)
    parser.add_argument("--base", default="cc085e4", metavar="COMMIT")
    return parser


def results() -> list[dict[str, Any]]:
    """Everything kept, the oldest first."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def _append(result: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps([*results(), result], indent=1) + "\n")


def _command() -> str:
    script = Path(sys.argv[0]).resolve()
    words = [Path(word).name if Path(word).is_file() else word for word in sys.argv[1:]]
    return " ".join(["python", str(script.relative_to(PROJECT)), *words])


def _machine() -> str:
    processor = subprocess.run(["lscpu"], capture_output=True, text=True, check=False).stdout
    model = next(
        (line.split(":", 1)[1].strip() for line in processor.splitlines() if "Model name" in line), ""
    )
    load = os.getloadavg()[0]
    return f"{model or platform.machine()}, {len(os.sched_getaffinity(0))} processors, load {load:.1f} at the end"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
