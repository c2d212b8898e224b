#!/usr/bin/env bash
# LightGBM's "mape" divides by max(1, |y|): for a coin that costs 0.00001 and is forecast at twice that it says 0.00001,
# where scikit-learn says 1. Below a price of one it is the mean absolute error under another name.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "lightgbm==4.7.0" "scikit-learn==1.9.1" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from importlib.metadata import version

import lightgbm
import numpy as np
from sklearn.metrics import mean_absolute_percentage_error


def of_lightgbm(price: float) -> float:
    # A constant feature: the one tree has no split, and the forecast stays what it started from.
    data = lightgbm.Dataset(np.zeros((200, 1)), np.full(200, price), init_score=np.full(200, 2 * price))
    record: dict = {}
    settings = {"objective": "regression", "metric": "mape", "verbose": -1, "learning_rate": 1e-9}
    lightgbm.train(settings, data, 1, valid_sets=[data], callbacks=[lightgbm.record_evaluation(record)])
    return record["training"]["mape"][0]


print("lightgbm", version("lightgbm"), "scikit-learn", version("scikit-learn"))
as_stated = True
for price in (1e-5, 0.5, 1.0, 60000.0):
    seen, plain = of_lightgbm(price), mean_absolute_percentage_error([price], [2 * price])
    print(f"price {price:g} forecast at twice that: lightgbm {seen:g}, scikit-learn {plain:g}")
    as_stated &= bool(np.isclose(seen, price / max(1.0, price), rtol=1e-3) and np.isclose(plain, 1))
sys.exit(0 if as_stated else 1)
END
