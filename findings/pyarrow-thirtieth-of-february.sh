#!/usr/bin/env bash
# Arrow's strptime and the CSV reader's timestamp_parsers take the 30th of February for the 1st of March, also with
# error_is_null, though a 13th month is refused; pandas refuses both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "pyarrow==26.0.1" "pandas==2.3.3" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

dates = ["30/02/2024", "29/02/2023", "31/04/2024", "01/13/2024"]
parsed = pc.strptime(pa.array(dates), format="%d/%m/%Y", unit="s", error_is_null=True).to_pylist()
Path("daily.csv").write_text("date,close\n" + "".join(f"{date},1\n" for date in dates[:3]))
options = pyarrow.csv.ConvertOptions(timestamp_parsers=["%d/%m/%Y"])
read = pyarrow.csv.read_csv("daily.csv", convert_options=options)["date"].to_pylist()
of_pandas = pd.to_datetime(dates, format="%d/%m/%Y", errors="coerce")
print("pyarrow", pa.__version__, "pandas", pd.__version__)
for date, arrow, plain in zip(dates, parsed, of_pandas):
    print(f"{date}: Arrow {arrow and arrow.date()}, pandas {plain}")
print("read_csv:", [str(instant.date()) for instant in read])
stated = ["2024-03-01", "2023-03-01", "2024-05-01"]
seen = [str(instant.date()) for instant in parsed[:3]]
same = seen == stated == [str(instant.date()) for instant in read]
sys.exit(0 if same and parsed[3] is None and of_pandas.isna().all() else 1)
END
