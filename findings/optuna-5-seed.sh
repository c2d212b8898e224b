#!/usr/bin/env bash
# Optuna 5 and 4 try other settings from one seed. Setting back the two defaults of TPESampler that changed (multivariate,
# constant_liar) gives four more equal trials and then other ones again; RandomSampler's are equal.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > trials.py <<'END'
import json
import sys
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")


def loss(trial: optuna.Trial) -> float:
    return trial.suggest_float("rate", -5, 5) ** 2 + trial.suggest_int("units", 1, 20)


samplers = {
    "defaults": optuna.samplers.TPESampler(seed=7),
    "old defaults": optuna.samplers.TPESampler(seed=7, multivariate=False, constant_liar=False),
    "random": optuna.samplers.RandomSampler(seed=7),
}
tried = {}
for name, sampler in samplers.items():
    study = optuna.create_study(sampler=sampler)
    study.optimize(loss, n_trials=30)
    tried[name] = [trial.params["rate"] for trial in study.trials]
json.dump({"version": optuna.__version__, "tried": tried}, sys.stdout)
END
for release in 4.5.0 5.0.0; do
    python3 -m venv "$release"
    "$release/bin/pip" install -qq --no-compile "optuna==$release" "numpy==2.4.6" "sqlalchemy==2.0.58" || exit 2
    "$release/bin/python" trials.py > "$release.json"
done
5.0.0/bin/python - <<'END'
import json
import sys
from pathlib import Path

old, new = (json.loads(Path(f"{release}.json").read_text()) for release in ("4.5.0", "5.0.0"))
equal = {}
for name in old["tried"]:
    pairs = zip(old["tried"][name], new["tried"][name])
    equal[name] = next((at for at, (first, second) in enumerate(pairs) if first != second), 30)
    print(f"optuna {old['version']} and {new['version']}, {name}: the first {equal[name]} of 30 trials are equal")
sys.exit(0 if equal["random"] == 30 and equal["defaults"] == 10 and 10 < equal["old defaults"] < 30 else 1)
END
