"""On what the bits of a fit depend: the same fit under one change after the other, each in a process of its own.

    python benchmarks/bits.py [RECIPE ...] [--epochs N] [--only WORD] [--python PYTHON ...]

Prints a row a change: whether the fit gave the same bits as the reference, which is a plain process of this machine.
PYTHON is the interpreter of another environment (as benchmarks/compatibility.py makes them). The table of
docs/registry.md comes from here. The market is simulated; a fit of `range-lstm` takes seconds, one of a wide recipe as
many as its epochs do.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from flows.edges.machine.runtime import prepare_environment

ROOT = Path(__file__).resolve().parents[1]
# What Prefect's worker runs.
FLOW = """
from pathlib import Path
from prefect import flow
from benchmarks.bits import fit_bits

@flow
def tell_bits(recipe: str, epochs: int | None, file: str):
    Path(file).write_text(fit_bits(recipe, epochs))
"""
RECIPES = ("range-lstm", "tiny-range", "har-range", "assignment-lstm", "guide-lstm")


@dataclass(frozen=True)
class Change:
    """What is another for one fit.

    Attributes:
        name: As printed.
        variables: Of the environment.
        cpus: Processors that it may use; None for all.
        how: What ran in the process before, in whose process it runs, or how its predictions are asked for.
        python: Whose interpreter.
    """

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    cpus: int | None = None
    how: str = ""
    python: str = sys.executable


def changes(pythons: list[str]) -> Iterator[Change]:
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
    yield Change("after another fit", how="fit")
    yield Change("in a forked process", how="fork")
    yield Change("in a spawned process", how="spawn")
    yield Change("by a Dask worker", how="dask")
    yield Change("by a Prefect worker", how="prefect")
    yield Change("predicted newest first", how="order")
    yield Change("predicted in pieces of 7 days", how="pieces")
    for python in pythons:
        yield Change(f"by another Python, {python}", python=python)


def fit_bits(recipe: str, epochs: int | None, how: str = "") -> str:
    """sha256 of what a fit predicts."""
    from pipeline.candles import daily_grid
    from pipeline.features.day_axis import IntArray
    from pipeline.features.feature_grid import FeatureGrid
    from pipeline.forecasts.quantiles import FloatArray
    from pipeline.models.catalogue import find_recipe
    from pipeline.models.fitting import fit
    from pipeline.point.fitting import fit_point, predict
    from pipeline.point.framing import LEAK_FREE, frame
    from pipeline.recipes.point import PointRecipe
    from pipeline.simulation import simulate_candles

    candles = simulate_candles(seed=3, first=date(2021, 1, 1), last=date(2024, 6, 30), price=20_000.0)
    named, grid = find_recipe(recipe), daily_grid(candles)
    if isinstance(named, PointRecipe):
        named = named.with_epochs(epochs) if epochs else named
        framing = frame(named, grid, variant=LEAK_FREE)
        fitted = fit_point(framing, seed=1)
        days = np.arange(len(framing.inputs))

        def ask(rows: IntArray) -> FloatArray:
            return predict(fitted.network, framing.inputs[rows])
    else:
        features = FeatureGrid.of(grid)
        model = fit(named, features, as_of=date(2024, 6, 30), seed=1)
        days = np.arange(len(grid) - 200, len(grid))

        def ask(rows: IntArray) -> FloatArray:
            return model.log_return_quantiles(features, rows)

    if how == "order":
        predicted = ask(days[::-1])[::-1]
    elif how == "pieces":
        predicted = np.concatenate([ask(days[start : start + 7]) for start in range(0, len(days), 7)])
    else:
        predicted = ask(days)
    return hashlib.sha256(predicted.tobytes()).hexdigest()


def _on_dask(recipe: str, epochs: int | None) -> str:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        bits: str = client.submit(fit_bits, recipe, epochs).result()
    return bits


def _on_prefect(recipe: str, epochs: int | None) -> str:
    """By `prefect worker start` of a server of its own; the worker starts a process for the run."""
    from prefect import flow
    from prefect.deployments import run_deployment
    from prefect.settings import get_current_settings
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=90), tempfile.TemporaryDirectory() as folder:
        Path(folder, "told.py").write_text(FLOW)
        variables = {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}

        def prefect(*words: str) -> None:
            subprocess.run(
                [sys.executable, "-m", "prefect", *words],
                env=variables,
                check=True,
                stdout=subprocess.DEVNULL,
            )

        prefect("work-pool", "create", "bits", "--type", "process")
        told = flow.from_source(folder, entrypoint="told.py:tell_bits")
        told.deploy(name="bits", work_pool_name="bits", print_next_steps=False)
        file = Path(folder, "bits")
        given = {"recipe": recipe, "epochs": epochs, "file": str(file)}
        run_deployment("tell-bits/bits", parameters=given, timeout=0)
        prefect("worker", "start", "--pool", "bits", "--run-once")
        return file.read_text()


def _child(recipe: str, epochs: int | None, how: str) -> str:
    prepare_environment()
    if how == "fit":
        fit_bits("tiny-range", None)
    if how in ("fork", "spawn"):
        import multiprocessing

        with multiprocessing.get_context(how).Pool(1) as pool:
            return pool.apply(fit_bits, (recipe, epochs))
    if how in ("dask", "prefect"):
        return (_on_dask if how == "dask" else _on_prefect)(recipe, epochs)
    return fit_bits(recipe, epochs, how)


def measure(recipe: str, change: Change, epochs: int | None) -> str:
    """The bits of a fit in a process of its own; what went wrong in its place."""
    order = [change.python, __file__, "--child", recipe, "--how", change.how]
    order += ["--epochs", str(epochs)] if epochs else []
    cpus = sorted(os.sched_getaffinity(0))[: change.cpus] if change.cpus else None
    done = subprocess.run(
        order, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **change.variables},
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
    )  # fmt: skip
    # Deploying a flow prints too.
    return (done.stdout.split() or [f"failed: {done.stderr.strip().splitlines()[-1][:80]}"])[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--how", default="", help=argparse.SUPPRESS)
    parser.add_argument("--python", nargs="*", default=[], help="of other environments")
    asked = parser.parse_args()
    if asked.child:
        print(_child(asked.recipes[0], asked.epochs, asked.how))
        return
    for recipe in asked.recipes:
        reference = ""
        for change in changes(asked.python):
            if asked.only not in change.name and change.name != "reference":
                continue
            bits = measure(recipe, change, asked.epochs)
            reference = reference or bits
            told = bits if bits.startswith("failed") else "equal" if bits == reference else "other bits"
            print(f"{recipe:16} {change.name:40} {told}", flush=True)


if __name__ == "__main__":
    main()
