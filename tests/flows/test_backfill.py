"""A backfill gives what `daily --as-of` gave, to the last bit, in whatever order and by however many workers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.backfills.execution import Execution
from flows.backfills.plan import BackfillStores, backfill_request, make_plan, open_backfill_stores
from flows.backfills.report import BackfillOutcome
from flows.backfills.run import execute_plan, refresh_snapshots, resume_backfill
from flows.edges.clock import clock
from flows.edges.configuration import PROJECT, Configuration, configuration
from flows.edges.ledger.store import Ledger
from flows.edges.sources.crypto_data_download import file_name
from pipeline.candles import read_candles
from pipeline.candles.columns import PRICES
from pipeline.errors import InputError, TrainingError
from pipeline.forecasts.columns import QUANTILES
from pipeline.models.registry import BASELINES
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "BTCUSDT")
FIRST, LAST = date(2024, 1, 1), date(2025, 6, 30)
DAYS = 10
MODELS = len(BASELINES) + 1
FROM = LAST - timedelta(days=DAYS - 1)
COMMAND = [
    "-c", "from flows.command import main; main()", "backfill", "--series", str(SERIES),
    "--from", str(FROM), "--to", str(LAST), "--recipe", "tiny-range", "--refit-every", "3",
]  # fmt: skip
Values = dict[tuple[str, date, int, str], bytes]


def market(last: date = LAST, *, restated: float = 1.0) -> bytes:
    """Candles up to a day; those of the last thirty days but ten may be restated by a factor."""
    table = simulate_candles(seed=12, first=FIRST, last=last, price=20_000.0)
    table.loc[table.index[-30:-10], list(PRICES)] *= restated
    return wire_format(table, SERIES)


class Deployment:
    """A database and places of its own; MLflow's store is the module's."""

    def __init__(self, folder: Path, source: Path, tracking_uri: str) -> None:
        self.folder, self.source = folder, source
        self.environment = {"COINCAST_HOME": str(folder), "MLFLOW_TRACKING_URI": tracking_uri}

    @property
    def configuration(self) -> Configuration:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            return configuration()

    @property
    def stores(self) -> BackfillStores:
        return open_backfill_stores(self.configuration)

    def asked(self, **choices: Any) -> dict[str, Any]:
        days = {"first": choices.pop("first", FROM), "last": choices.pop("last", LAST)}
        usual = {
            "series": [str(SERIES)],
            "source": str(self.source),
            "recipe": "tiny-range",
            "refit_every": 3,
        }
        return {**usual, **{name: day.isoformat() for name, day in days.items()}, **choices}

    def backfill(self, *, execution: Execution | None = None, **choices: Any) -> BackfillOutcome:
        current, stores = self.configuration, self.stores
        request = backfill_request(current, **self.asked(**choices))
        refresh_snapshots(request, current, stores)
        plan = make_plan(request, current, stores, now=clock())
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            return execute_plan(plan, current, stores, execution or Execution())

    def values(self, mode: str | None = None) -> Values:
        return values(self.stores.ledger, mode)


def values(ledger: Ledger, mode: str | None = None) -> Values:
    rows = ledger.forecasts(SERIES, mode=mode)
    return {
        (row.series, row.as_of.date(), row.horizon, row.model_id): getattr(row, QUANTILES).tobytes()
        for row in rows.itertuples()
    }


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow store for all: making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlruns') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / file_name(SERIES)).write_bytes(market())
    return folder


@pytest.fixture(scope="module")
def reference(
    tmp_path_factory: pytest.TempPathFactory, source: Path, tracking_uri: str
) -> tuple[Deployment, BackfillOutcome]:
    """Ten days, the oldest first, in chunks of a week, one process."""
    deployment = Deployment(tmp_path_factory.mktemp("reference"), source, tracking_uri)
    return deployment, deployment.backfill(chunk_days=7)


@pytest.fixture
def fresh(tmp_path: Path, source: Path, tracking_uri: str) -> Callable[[str], Deployment]:
    return lambda name: Deployment(tmp_path / name, source, tracking_uri)


def test_every_day_is_there_once_as_a_backfill(reference: tuple[Deployment, BackfillOutcome]) -> None:
    deployment, outcome = reference
    assert outcome.units == {
        "pending": 0,
        "running": 0,
        "done": DAYS,
        "failed": 0,
        "refused": 0,
        "cancelled": 0,
    }
    rows = deployment.stores.ledger.forecasts(SERIES, latest_only=False)
    assert len(rows) == DAYS * 7 * MODELS
    assert set(rows["mode"]) == {"backfill"}
    assert set(rows["issue"]) == {1}
    assert set(rows["model_version"]) == {"-"}
    units = deployment.stores.units.rows(outcome.id)
    assert {unit["attempts"] for unit in units} == {1}
    # FROM is 2025-06-21, day 20260 of the calendar; fits are on days divisible by three.
    assert sum(unit["fit_s"] is not None for unit in units) == len({unit["fit_day"] for unit in units}) == 4
    hub = deployment.folder / "site" / "hub-backfill" / "model-output" / "coincast-tiny_range"
    assert {path.name[:10] for path in hub.glob("*.csv")} == {
        (FROM + timedelta(days=offset)).isoformat() for offset in range(DAYS)
    }
    assert not (deployment.folder / "site" / "hub").exists()
    assert deployment.stores.ledger.publication(SERIES) is None
    assert outcome.scored == (DAYS * 7 - sum(range(1, 8))) * MODELS
    assert {row["model_id"] for row in outcome.leaderboard} == set(rows["model_id"])


def test_the_run_in_mlflow_has_the_leaderboard(reference: tuple[Deployment, BackfillOutcome]) -> None:
    from flows.edges.tracking.experiments import open_tracking

    deployment, outcome = reference
    experiment = open_tracking(deployment.configuration.places).find_experiment("backfills")
    assert experiment is not None
    (record,) = experiment.find_runs(tags={"backfill": outcome.id})
    assert (record.status, record.tags["kind"], record.tags["last_as_of"]) == (
        "FINISHED",
        "backfill",
        str(LAST),
    )
    assert len(record.metrics) <= 30
    assert record.metrics["backfill_relative_wis_random_walk"] == 1.0
    assert record.metrics["backfill_units_done"] == DAYS
    rows = deployment.stores.ledger.forecasts(SERIES)
    assert set(rows["run_id"]) == {record.id}


def test_the_values_are_those_of_daily(
    reference: tuple[Deployment, BackfillOutcome], fresh: Callable[[str], Deployment]
) -> None:
    from flows.daily import daily
    from flows.edges.machine.locks import locks_of
    from flows.edges.tracking.experiments import open_tracking
    from flows.edges.tracking.registry import RegisteredModel

    deployment, (expected, _) = fresh("daily"), reference
    overrides = {"source": str(deployment.source), "recipe": "tiny-range", "refit_every": 3}
    days = [LAST - timedelta(days=back) for back in (0, 1, 4)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployment.environment.items():
            patch.setenv(name, value)
        for day in days:
            daily(series=[str(SERIES)], as_of=day.isoformat(), overrides=overrides)
    issued, backfilled = deployment.values(), expected.values()
    assert {key[1] for key in issued} == set(days)
    assert len(issued) == 3 * 7 * MODELS
    assert issued == {key: backfilled[key] for key in issued}

    places = deployment.configuration.places
    registered = RegisteredModel(open_tracking(places), SERIES, lock=locks_of(places))
    before = [(one.version, one.aliases, one.tags) for one in registered.versions()]
    published = deployment.stores.ledger.publication(SERIES)
    outcome = deployment.backfill(reprocess="all", chunk_days=3)
    assert outcome.units["done"] == DAYS
    assert deployment.values() == backfilled
    assert [(one.version, one.aliases, one.tags) for one in registered.versions()] == before
    assert deployment.stores.ledger.publication(SERIES) == published


@pytest.mark.parametrize(
    ("choices", "execution"),
    [
        ({"order": "newest", "chunk_days": 1}, Execution()),
        ({"first": FROM + timedelta(days=2), "chunk_days": 60}, Execution()),
        ({"order": "newest", "chunk_days": 3}, Execution(max_parallel=2)),
    ],
)
def test_order_chunks_beginning_and_processes_change_no_bit(
    reference: tuple[Deployment, BackfillOutcome],
    fresh: Callable[[str], Deployment],
    choices: dict[str, Any],
    execution: Execution,
) -> None:
    deployment, first = fresh("other"), choices.get("first", FROM)
    outcome = deployment.backfill(execution=execution, **choices)
    assert outcome.units["done"] == (LAST - first).days + 1
    made = {key: value for key, value in reference[0].values().items() if key[1] >= first}
    assert deployment.values() == made


def test_the_same_backfill_again_finds_nothing_to_do(reference: tuple[Deployment, BackfillOutcome]) -> None:
    again = reference[0].backfill()
    assert (again.id, again.units, again.published) == ("", {"done": DAYS, "refused": 0}, 0)


def test_what_was_made_and_not_published_is_published_by_the_same_backfill_again(
    reference: tuple[Deployment, BackfillOutcome],
) -> None:
    """A kill, or a full disk, between the last unit and the publication."""
    site = reference[0].folder / "site"
    hub = {
        path.relative_to(site): path.read_bytes() for path in site.glob("hub-backfill/**/*") if path.is_file()
    }
    assert hub
    moved = site.rename(site.with_name("lost"))
    again = reference[0].backfill()
    assert (again.id, again.failures) == ("", {})
    assert again.published >= len(hub)
    assert {
        path.relative_to(site): path.read_bytes() for path in site.glob("hub-backfill/**/*") if path.is_file()
    } == hub
    assert moved.exists()


def test_known_reads_what_was_fetched_by_then(
    reference: tuple[Deployment, BackfillOutcome], fresh: Callable[[str], Deployment], tmp_path: Path
) -> None:
    deployment, seen_on = fresh("known"), LAST - timedelta(days=4)
    store = deployment.stores.snapshots

    def fetch(data: bytes, at: datetime) -> None:
        file = tmp_path / "served.csv"
        file.write_bytes(data)
        account = read_candles(data, series=SERIES, fetched_at=at).account
        store.add(file, series=SERIES, url="x", fetched_at=at, etag="", last_modified="", account=account)

    fetch(market(LAST), datetime(2025, 6, 27, 23, 59, tzinfo=UTC))
    # Half a file is no file: its days count as if it had not come.
    half = market(LAST)[: market(LAST).rindex(b"\n", 0, len(market(LAST)) // 2) + 1]
    fetch(half, datetime(2025, 6, 28, 12, tzinfo=UTC))
    fetch(market(LAST, restated=1.01), datetime(2025, 6, 29, 12, tzinfo=UTC))
    current, stores = deployment.configuration, deployment.stores
    request = backfill_request(
        current, **deployment.asked(vintage="known", first=seen_on - timedelta(days=2))
    )
    plan = make_plan(request, current, stores, now=clock())
    whys = {unit.as_of.day: unit.why or unit.outcome for unit in plan.units}
    # What was fetched on a day has the candles up to the day before.
    assert whys == {
        24: "no snapshot was known by then", 25: "no snapshot was known by then", 26: "create",
        27: "after the last candle", 28: "create", 29: "after the last candle", 30: "after the last candle",
    }  # fmt: skip
    shas = {unit.as_of.day: unit.snapshot for unit in plan.to_do}
    assert shas[26] != shas[28]
    execute_plan(plan, current, stores, Execution())
    rows = stores.ledger.forecasts(SERIES)
    assert set(rows["vintage"]) == {"known"}
    expected = reference[0].values()
    made = deployment.values()
    assert all((made[key] == expected[key]) == (key[1].day == 26) for key in made)


def test_one_fit_that_fails_stops_no_other_and_retry_makes_only_its_units(
    reference: tuple[Deployment, BackfillOutcome],
    fresh: Callable[[str], Deployment],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import flows.backfills.fits as chunk

    deployment, train, fitted = fresh("failing"), chunk.train, []
    broken = LAST - timedelta(days=4)

    def sometimes(job: Any, grid: Any, fit_day: date) -> Any:
        fitted.append(fit_day)
        if broken - timedelta(days=3) < fit_day <= broken:
            raise TrainingError("The loss is no number.")
        return train(job, grid, fit_day)

    monkeypatch.setattr(chunk, "train", sometimes)
    outcome = deployment.backfill(chunk_days=7)
    assert (outcome.units["done"], outcome.units["failed"]) == (DAYS - 3, 3)
    assert {unit["why"] for unit in outcome.failed} == {"The loss is no number."}
    assert len(fitted) == len(set(fitted)) == 4
    monkeypatch.setattr(chunk, "train", lambda job, grid, day: fitted.append(day) or train(job, grid, day))
    fitted.clear()
    current, stores = deployment.configuration, deployment.stores
    plan = make_plan(backfill_request(current, **deployment.asked()), current, stores, now=clock())
    assert plan.counts == {"create": 0, "retry": 3, "skip": DAYS - 3, "refuse": 0}
    again = resume_backfill(outcome.id, current, stores, Execution(), reopen=("failed",))
    assert (again.units["done"], len(fitted)) == (DAYS, 1)
    assert deployment.values() == reference[0].values()


def test_a_driver_that_is_killed_loses_at_most_the_unit_in_hand(
    reference: tuple[Deployment, BackfillOutcome], fresh: Callable[[str], Deployment]
) -> None:
    deployment = fresh("killed")
    order = [sys.executable, *COMMAND, "--source", str(deployment.source), "--chunk", "7", "--lease", "2"]
    with subprocess.Popen(order, cwd=PROJECT, env=os.environ | deployment.environment) as driver:
        stores = deployment.stores
        deadline = time.monotonic() + 120
        while not _done(stores) and driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
    counts = stores.units.counts(stores.units.find("last").id)
    assert 1 <= counts["done"] < DAYS
    assert counts["running"] <= 1
    outcome = resume_backfill("last", deployment.configuration, stores, Execution())
    assert outcome.units["done"] == DAYS
    units = stores.units.rows(outcome.id)
    assert sum(unit["attempts"] for unit in units) == DAYS + counts["running"]
    assert set(stores.ledger.forecasts(SERIES, latest_only=False)["issue"]) == {1}
    assert deployment.values() == reference[0].values()


def test_a_dask_cluster_gives_the_same_bits(
    reference: tuple[Deployment, BackfillOutcome], fresh: Callable[[str], Deployment]
) -> None:
    deployment = fresh("dask")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    here = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = ["-m", "distributed.cli.dask_scheduler", *here, "--port", address.rpartition(":")[2]]
    workers = ["-m", "distributed.cli.dask_worker", address, *here, "--nworkers", "2", "--nthreads", "1"]
    with process(scheduler, deployment), process(workers, deployment):
        order = [*COMMAND, "--chunk", "3", "--executor", "dask", "--dask", address, "--json"]
        done = subprocess.run(
            [sys.executable, *order, "--source", str(deployment.source)],
            cwd=PROJECT,
            env=os.environ | deployment.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["units"]["done"] == DAYS
    owners = {unit["attempts"] for unit in deployment.stores.units.rows(json.loads(done.stdout)["id"])}
    assert owners == {1}
    assert deployment.values() == reference[0].values()


@contextmanager
def process(arguments: list[str], deployment: Deployment) -> Iterator[None]:
    """A module that runs while the body does, and what it started."""
    started = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env=os.environ | deployment.environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait(20)


def _done(stores: BackfillStores) -> int:
    try:
        return stores.units.counts(stores.units.find("last").id)["done"]
    except InputError:  # the driver has not begun
        return 0


@pytest.mark.parametrize(
    ("execution", "said"),
    [
        (Execution("prefect"), "set PREFECT_API_URL"),
        (Execution("dask", dask="tcp://127.0.0.1:1"), "No Dask scheduler answers at tcp://127.0.0.1:1"),
    ],
)
def test_an_executor_that_is_not_there_leaves_no_backfill_behind(
    fresh: Callable[[str], Deployment], execution: Execution, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("flows.backfills.executors._DASK_LIMIT", "1s")
    deployment = fresh("orphan")
    with pytest.raises(InputError, match=said):
        deployment.backfill(execution=execution, recipe="har-range")
    with pytest.raises(InputError, match="there is none yet"):
        deployment.stores.units.find("last")


def test_a_dry_run_refuses_the_days_after_a_hole_that_the_run_would_refuse(
    fresh: Callable[[str], Deployment], tmp_path: Path, tracking_uri: str
) -> None:
    candles = simulate_candles(seed=3, first=FIRST, last=LAST, price=20_000.0)
    hole = (candles["date"] > "2025-05-18") & (candles["date"] <= "2025-06-03")
    (tmp_path / file_name(SERIES)).write_bytes(wire_format(candles[~hole], SERIES))
    deployment = Deployment(tmp_path / "hole", tmp_path, tracking_uri)
    outcome = deployment.backfill(recipe="har-range")
    # 2025-06-25 is the month's last day of 22 after the hole.
    assert (outcome.units["done"], outcome.units["refused"], outcome.failed) == (6, 4, [])
    reasons = {
        unit["why"] for unit in deployment.stores.units.rows(outcome.id) if unit["status"] == "refused"
    }
    assert reasons == {"too soon after a hole of more than 12 days"}


def test_an_open_target_is_a_backfill_for_ever(
    fresh: Callable[[str], Deployment], tmp_path: Path, tracking_uri: str
) -> None:
    yesterday = clock().date() - timedelta(days=1)
    (tmp_path / "recent").mkdir()
    first = yesterday - timedelta(days=500)
    candles = simulate_candles(seed=3, first=first, last=yesterday, price=20_000.0)
    (tmp_path / "recent" / file_name(SERIES)).write_bytes(wire_format(candles, SERIES))
    deployment = Deployment(tmp_path / "open", tmp_path / "recent", tracking_uri)
    outcome = deployment.backfill(first=yesterday, last=yesterday + timedelta(days=1), recipe="har-range")
    assert (outcome.units["done"], outcome.units["refused"], outcome.scored) == (1, 1, 0)
    rows = deployment.stores.ledger.forecasts(SERIES)
    assert set(rows["mode"]) == {"backfill"}
    assert len(rows) == 3 * 7


def test_candles_that_break_the_contract_fail_the_days_from_there_on_only(
    fresh: Callable[[str], Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.inputs.contract as chunk
    from expectations.checking import check_candles

    bad = LAST - timedelta(days=3)

    def checked(candles: Any, **arguments: Any) -> Any:
        broken = candles.copy()
        broken.loc[broken["date"] == str(bad), "close"] = -1.0
        return check_candles(broken, **arguments)

    monkeypatch.setattr(chunk, "check_candles", checked)
    outcome = fresh("contract").backfill(recipe="har-range")
    assert outcome.units["done"] == DAYS - 4
    assert [unit["as_of"] for unit in outcome.failed] == [str(bad + timedelta(days=n)) for n in range(4)]
    assert all("close" in unit["why"] for unit in outcome.failed)


def test_the_deployments_flow_refuses_what_the_server_lets_pass(fresh: Callable[[str], Deployment]) -> None:
    from flows.backfill import backfill

    with pytest.raises(InputError, match="--from is a date written YYYY-MM-DD"):
        backfill(first="not-a-date", last="2025-06-30")


def test_a_dry_run_of_the_flow_leaves_a_table_by_day_and_a_plan_that_another_run_executes(
    fresh: Callable[[str], Deployment],
) -> None:
    from prefect.client.orchestration import get_client

    from flows.backfill import backfill

    deployment = fresh("planned")
    asked = deployment.asked(first=LAST - timedelta(days=1), recipe="har-range")
    current = deployment.configuration
    refresh_snapshots(backfill_request(current, **asked), current, deployment.stores)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployment.environment.items():
            patch.setenv(name, value)
        planned = backfill(**asked, dry_run=True)
        assert planned["counts"] == {"create": 2, "retry": 0, "skip": 0, "refuse": 0}
        assert not open_backfill_stores(deployment.configuration).units.listed()
        for wrong in ({"first": asked["first"]}, {"dry_run": True}, {"recipe": "har-range"}):
            with pytest.raises(InputError, match="by itself"):
                backfill(plan=planned["plan"], **wrong)
        for name in ("260101-aaaaaa", "../secret"):
            with pytest.raises(InputError, match="no plan"):
                backfill(plan=name)
        made = backfill(plan=planned["plan"])
    assert made["units"]["done"] == 2
    wish = {"artifacts": {"key": {"any_": [f"backfill-plan-{planned['plan']}"]}}}
    with get_client(sync_client=True) as client:
        (artifact,) = client._client.post("/artifacts/filter", json=wish).json()
    days = [str(LAST - timedelta(days=1)), str(LAST)]
    rows = json.loads(artifact["data"])
    assert [(row["day"], row["outcome"]) for row in rows] == [(day, "create") for day in days]
    assert planned["plan"] in artifact["description"]


def test_the_flow_leaves_a_table_and_a_full_bar_and_both_flows_do_the_work(
    reference: tuple[Deployment, BackfillOutcome], fresh: Callable[[str], Deployment]
) -> None:
    from prefect.client.orchestration import get_client

    from flows.backfill import backfill, backfill_chunk
    from flows.edges.tracking.experiments import open_tracking

    deployment = fresh("flow")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployment.environment.items():
            patch.setenv(name, value)
        made = backfill(**deployment.asked(first=LAST - timedelta(days=1)))
        assert made["units"]["done"] == 2
        assert backfill_chunk(made["id"], 0) == 0
    with get_client(sync_client=True) as client:
        keys = [f"backfill-{made['id']}", f"backfill-{made['id']}-progress"]
        wish = {"artifacts": {"key": {"any_": keys}}}
        found = {
            one["key"]: one["data"] for one in client._client.post("/artifacts/filter", json=wish).json()
        }
        wish = {"artifacts": {"key": {"any_": [f"backfill-{made['id']}-mlflow"]}}}
        (link,) = client._client.post("/artifacts/filter", json=wish).json()
    assert f"]({made['run_url']})" in link["data"]
    assert made["run_url"].endswith("?workflowType=machine_learning")
    tracking = open_tracking(deployment.configuration.places)
    tags = tracking.client.get_run(made["run_url"].partition("/runs/")[2].partition("?")[0]).data.tags
    assert tags["flow_run_url"].endswith(f"/flow-run/{tags['flow_run_id']}")
    assert f"({tags['flow_run_url']})" in tags["mlflow.note.content"]
    assert sorted(found) == keys
    assert '"done": 2' in str(found[keys[0]])
    assert found[keys[1]] == 100.0
    expected = reference[0].values()
    assert deployment.values() == {key: expected[key] for key in deployment.values()}
