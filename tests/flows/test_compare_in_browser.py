"""A comparison as people and programs see it: its result, its runs, its artifact, and MLflow's page in a browser."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.edges.configuration import Places, configuration
from flows.edges.tracking.experiments import Experiment, open_tracking
from flows.reporting.progress import watcher
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow
CHROMIUM = "/usr/bin/chromium"

SMALL = """
name = "small-lstm"
based_on = "lecture-lstm"
window = 3

[[layers]]
kind = "dropout"
rate = 0.1

[[layers]]
kind = "lstm"
units = 4

[[layers]]
kind = "dense"
units = 1

[fitting]
epochs = 2
learning_rate = 0.01
"""
DIVERGING = (
    SMALL.replace("small-lstm", "diverging").replace("lecture-lstm", "guide-lstm").replace("0.01", "1e9")
    + 'optimizer = "sgd"\n'
)


@dataclass(frozen=True)
class Compared:
    """A comparison that has run, and where its runs lie."""

    result: dict[str, Any]
    database: Path
    places: Places
    stages: tuple[str, ...]

    @property
    def experiment(self) -> Experiment:
        return open_tracking(self.places).experiment("binance-btcusdt-1d")


class Stages:
    """A watcher that remembers the stages it was told of."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stage(self, series: str, name: str) -> None:
        self.told.append(name)

    def ended(self, series: str) -> None:
        pass

    def advance(self, what: str, done: float, total: float | None) -> None:
        pass


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, prefect_harness: None) -> Compared:
    """Two recipes and one that diverges, two seeds, with and without the leaks."""
    from flows.compare import CompareRequest, compare

    folder = tmp_path_factory.mktemp("compared")
    database = folder / "mlruns" / "mlflow.db"
    recipes = tuple(str(folder / name) for name in ("small.toml", "diverging.toml"))
    for path, text in zip(recipes, (SMALL, DIVERGING), strict=True):
        Path(path).write_text(text)
    candles = simulate_candles(seed=3, first=date(2023, 1, 1), last=date(2023, 8, 31), price=20000.0)
    (folder / "candles.csv").write_bytes(wire_format(candles, Series("binance", "BTCUSDT")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        patch.setenv("COINCAST_HOME", str(folder / "home"))
        request = CompareRequest(
            recipes=(*recipes, "random-walk"),
            file=str(folder / "candles.csv"),
            series="binance/BTCUSDT/1d",
            seeds=2,
            as_written=True,
        )
        stages = Stages()
        watching = watcher.set(stages)
        try:
            return Compared(compare(request), database, configuration().places, tuple(stages.told))
        finally:
            watcher.reset(watching)


def test_both_variants_are_ranked_beside_the_random_walk(compared: Compared) -> None:
    assert [table["variant"] for table in compared.result["tables"]] == ["leak-free", "as-written"]
    for table in compared.result["tables"]:
        assert [row["rank"] for row in table["rows"]] == [1, 2]
        rows = {row["recipe"]: row for row in table["rows"]}
        assert rows["small-lstm"]["seeds"] == [1, 2]
        assert set(rows["small-lstm"]["metrics"]) >= {
            "test_mse_scaled",
            "test_mape_scaled_pct",
            "test_mse_price",
            "test_rmse_price",
            "test_mae_price",
            "test_mape_price_pct",
            "test_mase",
            "test_direction_pct",
            "skill_vs_random_walk",
        }
        assert rows["small-lstm"]["metrics"]["test_mse_scaled"]["spread"] > 0
        assert "random walk" in rows["small-lstm"]["verdict"]
        assert rows["random-walk"]["metrics"]["skill_vs_random_walk"]["mean"] == 0
        assert "test_direction_pct" not in rows["random-walk"]["metrics"]
    json.dumps(compared.result, allow_nan=False)


def test_what_diverged_is_named_and_its_run_failed_without_a_score(compared: Compared) -> None:
    assert len(compared.result["failed"]) == 2
    assert all("diverged" in failure["reason"] for failure in compared.result["failed"])
    failed = compared.experiment.find_runs(status="FAILED")
    assert {run.tags["recipe"] for run in failed} == {"diverging"}
    assert not any(name.startswith("test_") for run in failed for name in run.metrics)


def test_every_fit_is_a_child_run_with_its_facts(compared: Compared) -> None:
    parent = compared.result["mlflow"]["run_id"]
    children = compared.experiment.find_runs(tags={"mlflow.parentRunId": parent}, status="FINISHED")
    assert sorted(run.name for run in children) == [
        "random-walk",
        "random-walk, as written",
        "small-lstm seed 1",
        "small-lstm seed 1, as written",
        "small-lstm seed 2",
        "small-lstm seed 2, as written",
    ]
    (one,) = (run for run in children if run.name == "small-lstm seed 2")
    assert one.tags["series"] == "binance/BTCUSDT/1d"
    assert one.tags["as_of"] == compared.result["as_of"]
    assert one.tags["snapshot_sha256"] == compared.result["sha256"]
    assert {"versions", "vintage", "seed", "flow_run_id"} <= set(one.tags)
    assert one.parameters["fitting.learning_rate"] == "0.01"
    assert one.metrics["epoch_train_mse_scaled"] > 0
    curve = compared.experiment.tracking.client.get_metric_history(one.id, "epoch/epoch_train_mse_scaled")
    assert [point.step for point in curve] == [1, 2]


def test_every_run_says_its_data_its_machine_and_its_verdict(compared: Compared) -> None:
    client = compared.experiment.tracking.client
    runs = compared.experiment.find_runs()
    assert len(runs) == 1 + 2 + 6
    for run in runs:
        (dataset,) = client.get_run(run.id).inputs.dataset_inputs
        assert dataset.dataset.digest == compared.result["sha256"][:36]
        assert json.loads(dataset.dataset.source) == {"uri": compared.result["source"]}
        assert run.tags["python"] == platform.python_version()
        assert run.tags["platform"] == platform.platform()
        assert "environment.json" in {item.path for item in client.list_artifacts(run.id)}
    verdicts = {run.name: run.tags["verdict"] for run in runs if "verdict" in run.tags}
    assert len(verdicts) == 6
    assert verdicts["random-walk"] == "the baseline"
    assert "than the random walk" in verdicts["small-lstm seed 1"]


def test_the_gradients_take_no_more_epochs_than_the_recipe_and_are_told_of(compared: Compared) -> None:
    assert compared.stages[-2:] == ("gradients by lag before fitting", "gradients by lag after 2 epochs")


def test_the_parent_holds_table_and_figures(compared: Compared) -> None:
    client = compared.experiment.tracking.client
    parent = compared.result["mlflow"]["run_id"]
    figures = {Path(item.path).name for item in client.list_artifacts(parent, "figures")}
    assert figures == {
        "close.png",
        "scaled.png",
        "loss.png",
        "mape.png",
        "prediction-train.png",
        "prediction-test.png",
        "gradient-by-lag.png",
    }
    assert {"leaderboard.json", "comparison.json"} <= {item.path for item in client.list_artifacts(parent)}


def test_prefect_has_the_leaderboard_with_the_way_to_mlflow(compared: Compared) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    key = ArtifactFilterKey(any_=["compare-binance-btcusdt-1d"])
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    assert compared.result["mlflow"]["url"] in (artifact.description or "")
    rows = json.loads(str(artifact.data))
    assert {row["recipe"] for row in rows} == {"small-lstm", "random-walk"}


@pytest.fixture(scope="module")
def mlflow_ui(compared: Compared, run_server: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """MLflow's own server over the comparison's store, with as few processes as it takes."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("COINCAST_REQUIRE_SERVICES") == "1":
            pytest.fail(f"COINCAST_REQUIRE_SERVICES=1, and there is no {CHROMIUM}")
        pytest.skip(f"there is no {CHROMIUM}; apt-get install chromium brings it")
    order = ["mlflow", "server", "--backend-store-uri", f"sqlite:///{compared.database}"]
    order += ["--host", "127.0.0.1", "--port", "{port}", "--workers", "1"]
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = compared.database.parent / "server.log"
    with run_server(order, health="/health", log=log, environment=environment) as address:
        yield address


def place_of(url: str) -> str:
    """What of a link that is shown to people lies behind the server's address."""
    return url[url.index("/#/") :]


def test_mlflows_page_shows_runs_metrics_and_figures(mlflow_ui: str, compared: Compared) -> None:
    from playwright.sync_api import expect, sync_playwright

    experiment, parent = compared.experiment.id, compared.result["mlflow"]["run_id"]
    children = compared.experiment.find_runs(tags={"mlflow.parentRunId": parent}, status="FINISHED")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        expect.set_options(timeout=60_000)
        page.goto(f"{mlflow_ui}{place_of(compared.experiment.url)}")
        expect(page.get_by_role("link", name="compare small-lstm").first).to_be_visible()
        page.goto(f"{mlflow_ui}{place_of(compared.result['mlflow']['url'])}")
        expect(page.get_by_text("compare small-lstm").first).to_be_visible()
        expect(page.get_by_text("Model metrics").first).to_be_visible()
        runs = json.dumps([run.id for run in children])
        page.goto(f"{mlflow_ui}/#/compare-runs?runs={runs}&experiments=%5B%22{experiment}%22%5D")
        expect(page.get_by_text("Parallel Coordinates Plot").first).to_be_visible()
        expect(page.get_by_text("test_mse_price").first).to_be_visible()
        page.goto(f"{mlflow_ui}/#/experiments/{experiment}/runs/{parent}/artifacts/figures/loss.png")
        image = page.locator("img[src*='loss.png'], .image-container img, img[src^='blob:']").first
        expect(image).to_be_visible()
        assert image.evaluate("node => node.naturalWidth") > 300
        browser.close()
