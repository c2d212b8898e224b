"""`mlflow models serve` outside the project: the ledger's bits over HTTP, and 400 with a reason for what is no good."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

from flows.edges.configuration import configuration
from flows.edges.machine.locks import locks_of
from flows.edges.tracking.aliases import promote
from flows.edges.tracking.experiments import Tracking, tracked_run
from flows.edges.tracking.model_folder import input_example
from flows.edges.tracking.registry import RegisteredModel
from pipeline.models.bundle import load_bundle
from pipeline.models.serving import QUANTILE_COLUMNS

pytestmark = pytest.mark.slow


@pytest.fixture
def champion(tracking: Tracking, fitted: Any) -> RegisteredModel:
    model = RegisteredModel(tracking, fitted.series, lock=locks_of(configuration().places))
    with tracked_run(tracking.experiment(fitted.series.slug), "a day", tags={}) as run:
        model.register(fitted.bundle, run=run, candles=fitted.candles, card="# Card", tags={})
    promote(model, 1)
    return model


@pytest.fixture
def address(
    champion: RegisteredModel, tmp_path: Path, run_server: Callable[..., AbstractContextManager[str]]
) -> Iterator[str]:
    order = ["mlflow", "models", "serve", "-m", f"models:/{champion.name}@champion", "--env-manager", "local"]
    order += ["--host", "127.0.0.1", "--port", "{port}"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    no_pickles = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    with run_server(order, health="/ping", log=elsewhere / "server.log", environment=no_pickles) as server:
        yield f"{server}/invocations"


def test_a_post_of_candles_is_answered_with_the_ledgers_bits_or_a_reason(address: str, fitted: Any) -> None:
    rows = input_example(fitted.candles, load_bundle(fitted.bundle))
    for orient in ("split", "records"):
        body = json.dumps({f"dataframe_{orient}": json.loads(_json(rows, orient))})
        answer = requests.post(address, data=body, headers={"Content-Type": "application/json"}, timeout=60)
        assert answer.status_code == 200, answer.text
        _assert_same_bits(answer.json()["predictions"], fitted)
    csv = requests.post(
        address, data=rows.to_csv(index=False), headers={"Content-Type": "text/csv"}, timeout=60
    )
    _assert_same_bits(csv.json()["predictions"], fitted)

    assert "400 daily candles are needed; got 100" in _refusal(address, rows.tail(100))
    assert "have a hole: 2026-01-08. Send these days too" in _refusal(
        address, rows[rows["date"] != "2026-01-08"]
    )
    assert "Every close is a finite number above 0; 2026-03-29 has nan" in _refusal(
        address, rows.assign(close=rows["close"].where(rows["date"] != "2026-03-29"))
    )
    last = rows["date"] == "2026-03-29"
    for written in ("2026-03", "now", "2026-03-29T12:00:00Z"):
        said = _refusal(address, rows.assign(date=rows["date"].mask(last, written)))
        assert f"A date is written YYYY-MM-DD, as 2026-03-29, or is a midnight UTC; got '{written}'." in said
    zoned = rows.assign(date=rows["date"] + "T00:00:00Z")
    for table in (zoned, rows.assign(date=zoned["date"].where(last, rows["date"]))):
        body = json.dumps({"dataframe_split": json.loads(_json(table, "split"))})
        answer = requests.post(address, data=body, headers={"Content-Type": "application/json"}, timeout=60)
        _assert_same_bits(answer.json()["predictions"], fitted)
    assert "Model is missing inputs ['volume']" in _refusal(address, rows.drop(columns="volume"))


def _json(rows: pd.DataFrame, orient: Any) -> str:
    # pandas writes 10 significant digits unless told otherwise; repr keeps every bit.
    values = rows.astype(object).where(rows.notna(), None)
    if orient == "records":
        return json.dumps(values.to_dict("records"))
    return json.dumps({"columns": list(values), "data": values.to_numpy().tolist()})


def _assert_same_bits(predictions: list[dict[str, Any]], fitted: Any) -> None:
    table = pd.DataFrame(predictions)
    assert np.array_equal(table[list(QUANTILE_COLUMNS)].to_numpy(), fitted.forecast.quantiles)
    assert table["date"].iloc[0] == "2026-03-30"
    assert table["horizon"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def _refusal(address: str, rows: pd.DataFrame) -> str:
    body = json.dumps({"dataframe_split": json.loads(_json(rows, "split"))})
    answer = requests.post(address, data=body, headers={"Content-Type": "application/json"}, timeout=60)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["message"])
