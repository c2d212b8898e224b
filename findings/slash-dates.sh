#!/usr/bin/env bash
# The vendor's 03/04/2023 is the third of April to DuckDB and polars, the fourth of March to pandas and a text to Arrow,
# each by its own detection and without a warning; one later row (03/14/2023) turns DuckDB's to March and polars' to text.
# 03/04/23 is 2003-04-23, 0023-04-03 and 2023-03-04.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "pandas==2.3.3" "polars==2.1.0" "duckdb==2.0.1" "pyarrow==26.0.1" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv

files = {"03/04/2023": ["03/04/2023"], "and 03/14/2023": ["03/04/2023", "03/14/2023"], "03/04/23": ["03/04/23"]}
stated = {
    "03/04/2023": ["2023-04-03", "2023-04-03", "2023-03-04", "03/04/2023"],
    "and 03/14/2023": ["2023-03-04", "03/04/2023", "2023-03-04", "03/04/2023"],
    "03/04/23": ["2003-04-23", "0023-04-03", "2023-03-04", "03/04/23"],
}
print("duckdb", duckdb.__version__, "polars", pl.__version__, "pandas", pd.__version__, "pyarrow", pa.__version__)
seen = {}
for name, dates in files.items():
    Path("daily.csv").write_text("date,close\n" + "".join(f"{date},1.5\n" for date in dates))
    read = [
        duckdb.sql("select date from 'daily.csv'").fetchall()[0][0],
        pl.read_csv("daily.csv", try_parse_dates=True)["date"][0],
        pd.read_csv("daily.csv", parse_dates=["date"])["date"][0].date(),
        pyarrow.csv.read_csv("daily.csv")["date"][0].as_py(),
    ]
    seen[name] = [str(value) for value in read]
    print(f"{name}:", dict(zip(("duckdb", "polars", "pandas", "pyarrow"), seen[name])))
sys.exit(0 if seen == stated else 1)
END
