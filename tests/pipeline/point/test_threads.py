"""A wide recipe's bits on one, two and four processors, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FIT = """
import hashlib
from flows.edges.machine.runtime import prepare_environment
prepare_environment()
import numpy as np, keras
from pipeline.models.callbacks import deterministic
deterministic(1)
inputs = np.random.default_rng(0).normal(size=(256, 20, 4)).astype("float32")
network = keras.Sequential([keras.Input((20, 4)), keras.layers.LSTM(200), keras.layers.Dense(1)])
network.compile(optimizer="adam", loss="mse")
network.fit(inputs, inputs[:, -1, :1], batch_size=64, epochs=3, shuffle=False, verbose=0)
print(hashlib.sha256(b"".join(weight.tobytes() for weight in network.get_weights())).hexdigest())
"""


def bits(processors: int, **variables: str) -> str:
    """sha256 of the fitted weights where so many processors may be used."""
    usable = sorted(os.sched_getaffinity(0))[:processors]
    done = subprocess.run(
        [sys.executable, "-c", FIT], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        preexec_fn=lambda: os.sched_setaffinity(0, usable),
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors are chosen on Linux alone")
def test_a_wide_network_has_the_same_weights_on_any_number_of_processors() -> None:
    wanted = {number: bits(number) for number in (1, 2, 4)}
    assert len(set(wanted.values())) == 1
    # Without one number of threads for all machines it would not.
    one = bits(1, TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    assert one != wanted[1]
