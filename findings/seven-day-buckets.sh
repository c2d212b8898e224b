#!/usr/bin/env bash
# "Every 7 days" begins on the first row's day in pandas, on a Thursday in polars and Arrow (1970 began on one) and on a
# Monday in DuckDB: three weekly tables of one daily series. Polars' "1w" is not its "7d".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "pandas==2.3.3" "polars==2.1.0" "duckdb==2.0.1" "pyarrow==26.0.1" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

days = pd.date_range("2024-01-03", periods=30)  # a Wednesday
frame = pl.DataFrame({"day": days.to_numpy()})
bucket = "select min(time_bucket(interval '7 days', day)) from days"
duckdb.register("days", pd.DataFrame({"day": days}))
first = {
    f"pandas {pd.__version__} resample('7D')": pd.Series(1, index=days).resample("7D").sum().index[0],
    f"polars {pl.__version__} every='7d'": frame.group_by_dynamic("day", every="7d").agg(pl.len())["day"][0],
    f"polars {pl.__version__} every='1w'": frame.group_by_dynamic("day", every="1w").agg(pl.len())["day"][0],
    f"pyarrow {pa.__version__} floor_temporal(7, day)": pc.floor_temporal(pa.array(days), 7, "day")[0].as_py(),
    f"duckdb {duckdb.__version__} time_bucket(7 days)": duckdb.sql(bucket).fetchall()[0][0],
}
seen = [f"{start:%Y-%m-%d %a}" for start in first.values()]
for name, start in zip(first, seen):
    print(f"{name}: first bucket {start}")
stated = ["2024-01-03 Wed", "2023-12-28 Thu", "2024-01-01 Mon", "2023-12-28 Thu", "2024-01-01 Mon"]
sys.exit(0 if seen == stated else 1)
END
