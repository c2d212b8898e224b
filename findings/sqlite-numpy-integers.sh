#!/usr/bin/env bash
# Python's sqlite3 takes a numpy.int64 without an error and stores its eight bytes, in an INTEGER column too. The row is
# found again by a numpy.int64 and by no plain 7, so the program that wrote it sees nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sqlite3
import sys

import numpy as np

database = sqlite3.connect(":memory:")
database.execute("create table forecasts (horizon integer, close real)")
database.execute("insert into forecasts values (?, ?)", (np.int64(7), np.float64(1.5)))
stored = database.execute("select horizon, typeof(horizon), typeof(close) from forecasts").fetchone()
by_numpy, by_plain = (
    database.execute("select count(*) from forecasts where horizon = ?", (horizon,)).fetchone()[0]
    for horizon in (np.int64(7), 7)
)
print("numpy", np.__version__, "SQLite", sqlite3.sqlite_version)
print(f"stored {stored}; found by numpy.int64(7): {by_numpy}, by 7: {by_plain}")
sys.exit(0 if stored == (b"\x07" + bytes(7), "blob", "real") and (by_numpy, by_plain) == (1, 0) else 1)
END
