#!/usr/bin/env bash
# MLflow's digest of a table leaves out every datetime column and every row past the 10,000th: a market's file, the same
# closes a thousand days later and the file with another ending have one digest. The order of rows changes it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "mlflow-skinny==3.17.2" "pandas==2.3.3" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import os
import sys

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
import mlflow
import numpy as np
import pandas as pd
from mlflow.data import from_pandas

candles = pd.DataFrame({"date": pd.date_range("1990-01-01", periods=12000), "close": np.arange(12000.0)})
another_ending = candles.copy()
another_ending.loc[10000:, "close"] = 0.0
tables = {
    "as it is": candles,
    "1,000 days later": candles.assign(date=candles["date"] + pd.Timedelta(days=1000)),
    "another ending": another_ending,
    "dates as text": candles.assign(date=candles["date"].astype(str)),
    "newest first": candles.iloc[::-1],
}
digests = {name: from_pandas(table).digest for name, table in tables.items()}
print("mlflow", mlflow.__version__)
for name, digest in digests.items():
    print(f"{name}: {digest}")
base, later, ending, *others = digests.values()
sys.exit(0 if base == later == ending and base not in others else 1)
END
