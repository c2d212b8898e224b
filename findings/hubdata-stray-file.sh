#!/usr/bin/env bash
# One stray file in a hubverse hub, named by a date as rounds are, hides every model's rows of that date: hubdata warns of
# "ignored 1 file" and hands its name to Arrow as a prefix, which leaves out all files that begin so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "hubdata==0.2.0" "pyarrow==26.0.1" || exit 2
cd "$folder"
env/bin/python - <<'END'
import json
import sys
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from hubdata import connect_hub

hub = Path("hub").absolute()
quantile = {
    "output_type_id": {"required": [0.1, 0.5, 0.9]},
    "value": {"type": "double"},
    "is_required": True,
}
days = {"required": None, "optional": ["2026-03-01", "2026-03-02"]}
task = {"task_ids": {"target_date": days}, "output_type": {"quantile": quantile}}
(hub / "hub-config").mkdir(parents=True)
(hub / "hub-config" / "model-metadata-schema.json").write_text("{}")
(hub / "hub-config" / "admin.json").write_text(json.dumps({"file_format": ["parquet"]}))
(hub / "hub-config" / "tasks.json").write_text(json.dumps({"rounds": [{"model_tasks": [task]}]}))
for model in ("one-walk", "two-walk"):
    (hub / "model-output" / model).mkdir(parents=True)
    for day in ("2026-03-01", "2026-03-02"):
        rows = {"target_date": [day] * 3, "output_type": ["quantile"] * 3, "output_type_id": [0.1, 0.5, 0.9]}
        table = pa.table(rows | {"value": [1.0, 2.0, 3.0]})
        table = table.set_column(0, "target_date", table["target_date"].cast(pa.date32()))
        pyarrow.parquet.write_table(table, hub / "model-output" / model / f"{day}-{model}.parquet")


def rows_by_day() -> dict[str, int]:
    days = [str(day) for day in connect_hub(hub).to_table()["target_date"].to_pylist()]
    return {day: days.count(day) for day in ("2026-03-01", "2026-03-02")}


print("hubdata", version("hubdata"), "pyarrow", pa.__version__)
before = rows_by_day()
(hub / "model-output" / "one-walk" / "2026-03-02").write_text("asked again at noon")
after = rows_by_day()
print("rows before:", before)
print("rows with a stray file 2026-03-02 in one model's folder:", after)
stated = {"2026-03-01": 6, "2026-03-02": 6}, {"2026-03-01": 6, "2026-03-02": 0}
sys.exit(0 if (before, after) == stated else 1)
END
