#!/usr/bin/env bash
# The GARCH point forecast is no expectation but one draw from a generator that is seeded with 1 inside, so every series
# is forecast 1.62 standard deviations up; the ends of its range are z times the variance, so data in other units have
# another range; and the caller's own numpy generator stands re-seeded afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "statsforecast==2.1.1" "pandas==2.3.3" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import GARCH

returns = np.random.default_rng(0).standard_normal(800)


def forecast(scale: float) -> tuple[float, float]:
    frame = pd.DataFrame({"unique_id": "a", "ds": np.arange(800), "y": scale * returns})
    row = StatsForecast([GARCH(1, 1)], freq=1).forecast(df=frame, h=1, level=[80]).iloc[0]
    return row["GARCH(1,1)"], (row["GARCH(1,1)-hi-80"] - row["GARCH(1,1)-lo-80"]) / 2


print("statsforecast", version("statsforecast"))
draw = np.random.RandomState(1).standard_normal()
as_stated = True
for scale in (1.0, 3.0, 10.0):
    point, half = forecast(scale)
    variance = half / 1.2815515594457415
    print(f"sd {scale:4}: point {point:8.3f}, half of the 80 % range {half:8.3f}, 1.2816 sd would be {1.2816 * scale:.3f}")
    as_stated &= bool(np.isclose(point, draw * np.sqrt(variance), rtol=1e-3))
    as_stated &= 0.5 < variance / scale**2 < 1.5
seen = []
for seed in (123, 456):
    np.random.seed(seed)
    forecast(1.0)
    seen.append(np.random.standard_normal())
print("next draw of the caller's generator after seeds 123 and 456:", seen)
sys.exit(0 if as_stated and seen[0] == seen[1] else 1)
END
