#!/usr/bin/env bash
# Great Expectations' success is a bool of Python's for a column's mean, median and maximum and a numpy.bool for its
# quantiles: "is True" is false of it and json refuses it, only where that one expectation is in the suite.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "great_expectations==1.24.1" "pandas==2.3.3" "numpy==2.4.6" || exit 2
cd "$folder"
env/bin/python - <<'END'
import json
import sys

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
definition = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
batch = definition.get_batch({"dataframe": pd.DataFrame({"close": [1.0, 2.0, 3.0]})})
expectations = [
    gxe.ExpectColumnMedianToBeBetween(column="close", min_value=0, max_value=9),
    gxe.ExpectColumnMaxToBeBetween(column="close", max_value=9),
    gxe.ExpectColumnQuantileValuesToBeBetween(
        column="close", quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 9]]}
    ),
]
print("great_expectations", gx.__version__)
seen = []
for expectation in expectations:
    success = batch.validate(expectation).success
    try:
        written = json.dumps(success)
    except TypeError as refused:
        written = str(refused)
    print(f"{type(expectation).__name__}: {success!r}, is True: {success is True}, json: {written}")
    seen.append((bool(success), success is True))
sys.exit(0 if seen == [(True, True), (True, True), (True, False)] else 1)
END
