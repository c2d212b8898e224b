#!/usr/bin/env bash
# The median of 0.01 and 0.02 is 0.01 in DuckDB: numbers written in SQL are decimals there, and median and quantile_cont
# keep the column's digits where avg does not. Cast to double first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "duckdb==2.0.1" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from decimal import Decimal

import duckdb

query = """
    select median(price), quantile_cont(price, 0.9), avg(price), median(price::double), any_value(typeof(price))
    from (values (0.01), (0.02)) prices(price)
"""
median, ninth, mean, of_doubles, kind = duckdb.sql(query).fetchall()[0]
print(f"duckdb {duckdb.__version__}: prices 0.01 and 0.02 as {kind}")
print(f"median {median}, quantile_cont 0.9 {ninth}, avg {mean}, median of doubles {of_doubles}")
kept = (median, ninth) == (Decimal("0.01"), Decimal("0.01"))
sys.exit(0 if kept and abs(mean - 0.015) < 1e-12 and abs(of_doubles - 0.015) < 1e-12 else 1)
END
