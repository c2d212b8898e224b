"""A fit gives its memory back: what is counted exactly in every run of the suite, and sixty fits by their size."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# A process of its own: what other tests keep in this one is not what fits leave.
FITS = """
import gc, json, sys
from flows.edges.machine.runtime import prepare_environment
prepare_environment()
import numpy as np, pandas as pd, psutil
from tensorflow.python.framework.func_graph import FuncGraph
from pipeline.point.fitting import fit_point
from pipeline.point.framing import frame
from pipeline.recipes.point import PointRecipe

recipe = PointRecipe.model_validate({
    "name": "small", "title": "small", "window": 4,
    "layers": [{"kind": "lstm", "units": 4}, {"kind": "dense", "units": 1}],
    "fitting": {"epochs": 2, "batch": 16, "validation": 0.2, "shuffle": True},
})
close = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.03, 160)))
framing = frame(recipe, pd.DataFrame({"date": pd.date_range("2021-01-01", periods=160, unit="us"), "close": close}))
told = []
for number in range(int(sys.argv[1])):
    predicted = fit_point(framing, seed=1).predicted.tobytes().hex()
    gc.collect()
    graphs = sum(type(one) is FuncGraph for one in gc.get_objects())
    told.append([psutil.Process().memory_info().rss, graphs, predicted])
print(json.dumps(told))
"""


def fits(count: int) -> list[tuple[int, int, str]]:
    """Memory in bytes, graphs that are alive, and what was predicted, after each of so many fits."""
    done = subprocess.run(
        [sys.executable, "-c", FITS, str(count)], cwd=Path(__file__).parents[3],
        capture_output=True, text=True, timeout=540, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(rss, graphs, bits) for rss, graphs, bits in json.loads(done.stdout)]


def test_graphs_do_not_pile_up_and_bits_stay() -> None:
    (_, first, bits), *_, (_, last, again) = fits(3)
    assert last == first
    assert again == bits


def test_only_what_was_registered_inside_is_let_go() -> None:
    import tensorflow as tf
    from tensorflow.python.framework import ops

    from pipeline.models.callbacks import graphs_let_go

    def traced() -> set[str]:
        before = set(ops.gradient_registry.list())

        @tf.custom_gradient
        def doubled(x: tf.Tensor) -> object:
            return 2 * x, lambda upstream: 3 * upstream

        tf.function(doubled).get_concrete_function(tf.constant(1.0))
        gc.collect()
        return set(ops.gradient_registry.list()) - before

    with graphs_let_go():
        inside = traced()
    outside = traced()
    assert len(inside) == len(outside) == 1
    assert inside.isdisjoint(ops.gradient_registry.list())
    assert outside <= set(ops.gradient_registry.list())


@pytest.mark.soak
def test_memory_is_flat_over_sixty_fits() -> None:
    told = fits(60)
    early, late = told[9][0], told[-1][0]
    print(f"after 10 fits {early / 2**20:.1f} MiB, after 60 {late / 2**20:.1f} MiB")
    assert late - early < 8 * 2**20
    assert len({bits for _, _, bits in told}) == 1
