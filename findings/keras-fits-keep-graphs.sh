#!/usr/bin/env bash
# Every fit of Keras on TensorFlow leaves its whole training graph in the process, after clear_session and a collection too.
# The optimizer sums gradients over its one replica by tf.custom_gradient, which registers a function for good in each trace.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
"env/bin/pip" install -qq --no-compile "keras==3.15.1" "tensorflow==2.21.0" "numpy==2.4.6" || exit 2
cat > fits.py <<'END2'
import gc
import os
import sys

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph


def fit() -> None:
    keras.utils.clear_session()
    network = keras.Sequential([keras.Input((4, 1)), keras.layers.LSTM(4), keras.layers.Dense(1)])
    network.compile(optimizer="adam", loss="mse")
    network.fit(np.zeros((64, 4, 1)), np.zeros((64, 1)), verbose=0)


def graphs() -> int:
    keras.utils.clear_session()
    gc.collect()
    return sum(type(one) is FuncGraph for one in gc.get_objects())


print(f"keras {keras.__version__}, tensorflow {tf.__version__}")
known = set(ops.gradient_registry.list())
kept = []
for number in range(1, 6):
    fit()
    kept.append(graphs())
    print(f"after {number} fits, all networks out of reach: {kept[-1]} graphs in memory")
for name in set(ops.gradient_registry.list()) - known:
    del ops.gradient_registry._registry[name]
left = graphs()
print(f"with what the fits registered taken out of the gradient registry: {left}")
sys.exit(0 if kept[-1] >= kept[0] + 4 and left <= kept[0] else 1)
END2
env/bin/python fits.py
