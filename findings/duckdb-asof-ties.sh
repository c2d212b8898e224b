#!/usr/bin/env bash
# Where two rows bear one timestamp (a price and its revision), which of them DuckDB's ASOF join takes depends on how many
# rows the left side has: the first for 60, the last for 64. pandas and polars take the last whatever the size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "pandas==2.3.3" "polars==2.1.0" "duckdb==2.0.1" "pyarrow==26.0.1" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl

revisions = pd.DataFrame({"time": np.repeat(np.arange(5), 2), "price": np.tile(["first", "revised"], 5)})
query = "select distinct price from asked asof join revisions on asked.time >= revisions.time"
print("duckdb", duckdb.__version__, "pandas", pd.__version__, "polars", pl.__version__)
seen = {}
for rows in (1, 60, 64, 1000):
    asked = pd.DataFrame({"time": 100 + np.arange(rows)})
    of_duckdb = [price for (price,) in duckdb.sql(query).fetchall()]
    of_pandas = pd.merge_asof(asked, revisions, on="time")["price"].unique().tolist()
    of_polars = pl.from_pandas(asked).join_asof(pl.from_pandas(revisions), on="time")["price"].unique().to_list()
    seen[rows] = (of_duckdb, of_pandas, of_polars)
    print(f"{rows} rows asked: duckdb {of_duckdb}, pandas {of_pandas}, polars {of_polars}")
first, last = ["first"], ["revised"]
stated = {1: (first, last, last), 60: (first, last, last), 64: (last, last, last), 1000: (last, last, last)}
sys.exit(0 if seen == stated else 1)
END
