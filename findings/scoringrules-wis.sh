#!/usr/bin/env bash
# The weighted interval score of one forecast depends on whether numba is installed: without it scoringrules adds half the
# median itself where the formula has half of |observation - median|.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "scoringrules==0.10.0" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from importlib.metadata import version

import numpy as np
import scoringrules

levels = np.array([0.2, 0.4, 0.6, 0.8])
lower, median, upper = np.array([5.0, 6.0, 7.0, 8.0]), 9.0, np.array([16.0, 14.0, 13.0, 11.0])


def by_the_formula(observed: float) -> float:
    missed = np.maximum(lower - observed, 0) + np.maximum(observed - upper, 0)
    interval_scores = upper - lower + 2 / levels * missed
    return (abs(observed - median) / 2 + (levels / 2 * interval_scores).sum()) / (len(levels) + 0.5)


print("scoringrules", version("scoringrules"), "without numba")
as_stated = True
for observed in (9.0, 10.0, 20.0):
    seen = float(scoringrules.weighted_interval_score(observed, median, lower, upper, levels))
    right = by_the_formula(observed)
    excess = (median - abs(observed - median)) / 2 / (len(levels) + 0.5)
    print(f"observed {observed}: seen {seen:.4f}, by the formula {right:.4f}")
    as_stated &= bool(np.isclose(seen, right + excess) and not np.isclose(seen, right) or observed == 2 * median)
sys.exit(0 if as_stated else 1)
END
