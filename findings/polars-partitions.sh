#!/usr/bin/env bash
# A folder that polars wrote with partition_by is opened by polars and DuckDB, and refused by pandas.read_parquet and Arrow:
# polars keeps the key in each file too, and its type (large_string, int64) is not the one that Arrow infers from the path.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "polars==2.1.0" "pandas==2.3.3" "pyarrow==26.0.1" "duckdb==2.0.1" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet

pl.DataFrame({"symbol": ["BTC", "ETH"], "close": [1.0, 2.0]}).write_parquet("by-symbol", partition_by="symbol")
pl.DataFrame({"year": [2023, 2024], "close": [1.0, 2.0]}).write_parquet("by-year", partition_by="year")
readers = {
    f"polars {pl.__version__}": lambda folder: pl.read_parquet(folder).height,
    f"duckdb {duckdb.__version__}": lambda folder: len(duckdb.sql(f"select * from '{folder}/*/*.parquet'").fetchall()),
    f"pandas {pd.__version__}": lambda folder: len(pd.read_parquet(folder)),
    f"pyarrow {pa.__version__}": lambda folder: pyarrow.parquet.read_table(folder).num_rows,
}
seen = []
for folder in ("by-symbol", "by-year"):
    for name, rows in readers.items():
        try:
            answer = rows(folder)
        except pa.ArrowTypeError as refused:
            answer = "refused"
            print(f"{folder}, {name}: {str(refused)[:110]}")
        else:
            print(f"{folder}, {name}: {answer} rows")
        seen.append(answer)
sys.exit(0 if seen == [2, 2, "refused", "refused"] * 2 else 1)
END
