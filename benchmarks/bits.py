"""On what the bits of a fit depend: the same fit under one change after the other, each in a process of its own.

    python benchmarks/bits.py [RECIPE ...] [--epochs N] [--only WORD]

Prints a row a change: whether the fit gave the same bits as the reference, which is a plain process of this machine.
The table of docs/registry.md comes from here. The market is simulated; a fit of `range-lstm` takes seconds, one of a
wide recipe as many as its epochs do.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from flows.edges.machine.runtime import prepare_environment

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ("range-lstm", "tiny-range", "har-range", "assignment-lstm", "guide-lstm")


@dataclass(frozen=True)
class Change:
    """What is another for one fit: variables, the number of processors it may use, what ran in the process before."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    cpus: int | None = None
    before: str = ""


def changes() -> Iterator[Change]:
    yield Change("reference")
    yield Change("again")
    yield Change("one processor", cpus=1)
    for number in (1, 2, 4):
        threads = {"TF_NUM_INTRAOP_THREADS": str(number), "TF_NUM_INTEROP_THREADS": str(number)}
        yield Change(f"TensorFlow with {number} threads", threads)
    for number in (1, 4):
        yield Change(f"BLAS with {number} threads", {"OPENBLAS_NUM_THREADS": str(number)})
    yield Change("oneDNN on", {"TF_ENABLE_ONEDNN_OPTS": "1"})
    yield Change("oneDNN on, one processor", {"TF_ENABLE_ONEDNN_OPTS": "1"}, cpus=1)
    yield Change("instructions up to SSE4.1 for oneDNN", {"ONEDNN_MAX_CPU_ISA": "SSE41"})
    yield Change("instructions of Haswell for BLAS", {"OPENBLAS_CORETYPE": "Haswell"})
    yield Change("instructions of Nehalem for BLAS", {"OPENBLAS_CORETYPE": "Nehalem"})
    yield Change("after another fit", before="fit")
    yield Change("in a forked process", before="fork")
    yield Change("in a spawned process", before="spawn")


def fit_bits(recipe: str, epochs: int | None) -> str:
    """sha256 of what a fit predicts."""
    from pipeline.candles import daily_grid
    from pipeline.features.feature_grid import FeatureGrid
    from pipeline.models.catalogue import find_recipe
    from pipeline.models.fitting import fit
    from pipeline.point.fitting import fit_point
    from pipeline.point.framing import LEAK_FREE, frame
    from pipeline.recipes.point import PointRecipe
    from pipeline.simulation import simulate_candles

    candles = simulate_candles(seed=3, first=date(2021, 1, 1), last=date(2024, 6, 30), price=20_000.0)
    named, grid = find_recipe(recipe), daily_grid(candles)
    if isinstance(named, PointRecipe):
        named = named.with_epochs(epochs) if epochs else named
        predicted = fit_point(frame(named, grid, variant=LEAK_FREE), seed=1).predicted
    else:
        features = FeatureGrid.of(grid)
        model = fit(named, features, as_of=date(2024, 6, 30), seed=1)
        predicted = model.log_return_quantiles(features, np.arange(len(grid) - 200, len(grid)))
    return hashlib.sha256(predicted.tobytes()).hexdigest()


def _child(recipe: str, epochs: int | None, before: str) -> None:
    prepare_environment()
    if before == "fit":
        fit_bits("tiny-range", None)
    if before in ("fork", "spawn"):
        import multiprocessing

        with multiprocessing.get_context(before).Pool(1) as pool:
            print(pool.apply(fit_bits, (recipe, epochs)))
        return
    print(fit_bits(recipe, epochs))


def measure(recipe: str, change: Change, epochs: int | None) -> str:
    """The bits of a fit in a process of its own; what went wrong in its place."""
    order = [sys.executable, __file__, "--child", recipe, "--before", change.before]
    order += ["--epochs", str(epochs)] if epochs else []
    cpus = sorted(os.sched_getaffinity(0))[: change.cpus] if change.cpus else None
    done = subprocess.run(
        order, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **change.variables},
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
    )  # fmt: skip
    return done.stdout.strip() or f"failed: {done.stderr.strip().splitlines()[-1][:80]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--before", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        _child(asked.recipes[0], asked.epochs, asked.before)
        return
    for recipe in asked.recipes:
        reference = ""
        for change in changes():
            if asked.only not in change.name and change.name != "reference":
                continue
            bits = measure(recipe, change, asked.epochs)
            reference = reference or bits
            told = bits if bits.startswith("failed") else "equal" if bits == reference else "other bits"
            print(f"{recipe:16} {change.name:40} {told}", flush=True)


if __name__ == "__main__":
    main()
