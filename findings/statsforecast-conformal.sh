#!/usr/bin/env bash
# ConformalIntervals has no correction for few windows: of independent noise, where the model is right, an 80 % range holds
# about 60 % with the default of two windows and 74 % with ten.
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
from statsforecast.models import HistoricAverage
from statsforecast.utils import ConformalIntervals

SERIES, DAYS = 3000, 60
noise = np.random.default_rng(0).standard_normal((SERIES, DAYS + 1))
frame = pd.DataFrame({
    "unique_id": np.repeat(np.arange(SERIES), DAYS),
    "ds": np.tile(np.arange(DAYS), SERIES),
    "y": noise[:, :DAYS].ravel(),
})
target = noise[:, DAYS]


def held(windows: int) -> float:
    model = HistoricAverage(prediction_intervals=ConformalIntervals(h=1, n_windows=windows))
    made = StatsForecast([model], freq=1).forecast(df=frame, h=1, level=[80])
    inside = (made["HistoricAverage-lo-80"] <= target) & (target <= made["HistoricAverage-hi-80"])
    return float(inside.mean())


print("statsforecast", version("statsforecast"), "default windows", ConformalIntervals().n_windows)
seen = {windows: held(windows) for windows in (2, 10, 40)}
for windows, share in seen.items():
    print(f"{windows} windows: the 80 % range holds {share:.1%} of {SERIES} next values")
sys.exit(0 if 0.55 < seen[2] < 0.66 and 0.70 < seen[10] < 0.77 and seen[40] > 0.77 else 1)
END
