#!/usr/bin/env bash
# The relative strength index of a price that does not move is 0 for TA-Lib (all was sold) and 100 for ta (all was bought);
# the ranges "below 30" and "above 70" then say opposite things of one halted coin.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "TA-Lib==0.8.2" "ta==0.11.0" "pandas==2.3.3" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
import ta
import talib

flat = np.full(40, 1.0)
moved_once = np.r_[np.full(39, 1.0), 1.0 + 1e-9]
seen = {}
for name, prices in (("flat", flat), ("one tick up at the end", moved_once)):
    of_talib = float(talib.RSI(prices, 14)[-1])
    of_ta = float(ta.momentum.RSIIndicator(pd.Series(prices), 14).rsi().iloc[-1])
    seen[name] = (of_talib, of_ta)
    print(f"{name}: TA-Lib {version('TA-Lib')} says {of_talib:g}, ta {version('ta')} says {of_ta:g}")
sys.exit(0 if seen["flat"] == (0.0, 100.0) and np.allclose(seen["one tick up at the end"], 100) else 1)
END
