"""`coincast backfill` as it is called: what it refuses, what a dry run says, and how fast."""

import json
import resource
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.backfills.plan import open_backfill_stores
from flows.command import app
from flows.edges.configuration import PROJECT, configuration
from pipeline.candles import read_candles
from pipeline.errors import InputError
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

BTC = Series("simulated", "BTCUSDT")
LAST = date(2025, 6, 30)
DAYS = ["--from", "2025-06-01", "--to", "2025-07-02"]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["backfill", *arguments], catch_exceptions=False, standalone_mode=False)
    return done.stdout


def store(series: Series, first: date, folder: Path) -> None:
    """A snapshot as a download leaves it."""
    places = configuration()
    data = wire_format(simulate_candles(seed=5, first=first, last=LAST, price=9e4), series)
    (folder / "served.csv").write_bytes(data)
    at = datetime(2025, 7, 1, 0, 20, tzinfo=UTC)
    account = read_candles(data, series=series, fetched_at=at).account
    open_backfill_stores(places).snapshots.add(
        folder / "served.csv",
        series=series,
        url="x",
        fetched_at=at,
        etag="",
        last_modified="",
        account=account,
    )


@pytest.fixture
def stored(tmp_path: Path) -> None:
    store(BTC, date(2024, 1, 1), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--series", str(BTC)], "Say which days"),
        (["--from", "2025-13-01", "--to", "2025-12-31"], "--from is a date written YYYY-MM-DD"),
        (["--from", "2025-12-31", "--to", "2025-01-01"], "turn them round"),
        ([*DAYS, "--series", "binance/BTCUSDT/1h"], "write binance/BTCUSDT/1d"),
        ([*DAYS, "--series", "bitcoin"], "exchange/SYMBOL/timeframe"),
        ([*DAYS, "--order", "random"], "order: Input should be 'oldest' or 'newest'"),
        ([*DAYS, "--source", "/nowhere/cdd"], "/nowhere/cdd is not a folder"),
        ([*DAYS, "--source", "htp://127.0.0.1/cdd"], "--source is an http"),
        ([*DAYS, "--vintage", "old"], "vintage: Input should be 'latest' or 'known'"),
        ([*DAYS, "--reprocess", "some"], "reprocess: Input should be"),
        ([*DAYS, "--recipe", "guide-lstm", "--dry-run"], "forecasts no range"),
        ([*DAYS, "--executor", "threads"], "--executor is one of inline, prefect, dask"),
        ([*DAYS, "--executor", "dask"], "--dask ADDRESS go together"),
        ([*DAYS, "--dask", "tcp://127.0.0.1:1"], "--dask ADDRESS go together"),
        ([*DAYS, "--executor", "dask", "--dask", "nonsense"], "--dask is an address like tcp://"),
        ([*DAYS, "--plan", "plan.json"], "--plan says what to do by itself"),
        (["--plan", "nowhere.json"], "cannot be read"),
        ([*DAYS, "--plan-out", "plan.json"], "--plan-out goes with --dry-run"),
        ([*DAYS, "--dry-run", "--plan-out", "/nowhere/plan.json"], "needs a folder that is there"),
        ([*DAYS, "--dry-run", "--plan-out", "/tmp"], "--plan-out is a file; /tmp is a folder"),
        (["status"], "there is none yet"),
        (["resume", "x"], "No backfill is named 'x'"),
        (["cancel", "x"], "No backfill is named 'x'"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        run(*arguments)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "2025-13-01", "--to", "2025-12-31"],
        [*DAYS, "--order", "random"],
        ["--plan", "nowhere.json"],
        [*DAYS, "--dry-run", "--plan-out", "/tmp"],
    ],
)
def test_what_is_written_wrongly_leaves_nothing_behind(arguments: list[str], own_state: Path) -> None:
    with pytest.raises(InputError):
        run(*arguments)
    assert not own_state.exists()


def test_a_dry_run_before_the_first_run_writes_nothing_but_its_plan(own_state: Path, tmp_path: Path) -> None:
    told = run("--series", str(BTC), *DAYS, "--dry-run", "--plan-out", str(tmp_path / "plan.json"))
    assert "32 refuse; 0 fits in 0 chunks" in told
    assert "no past run to estimate from" in told
    assert not own_state.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_a_lease_is_the_backfills_own(verb: str) -> None:
    refused = CliRunner().invoke(app, ["backfill", verb, "last", "--lease", "5"])
    assert refused.exit_code == 2
    assert "No such option" in refused.output


@pytest.mark.usefixtures("stored")
def test_a_dry_run_tells_each_unit_and_leaves_everything_as_it_is(tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".gz", ".csv")}
    source = ["--source", "http://127.0.0.1:1/nothing-is-downloaded"]
    told = run("--series", str(BTC), *DAYS, *source, "--refit-every", "7", "--dry-run")
    assert "2025-06-01 … 2025-06-30" in told
    assert "refuse: after the last" in told
    assert "30 create, 2 refuse; 5 fits in 2 chunks" in told
    assert "no past run to estimate from" in told
    values = json.loads(
        run("--series", str(BTC), *DAYS, *source, "--refit-every", "7", "--dry-run", "--json")
    )
    assert len(values["units"]) == 32
    assert (values["counts"]["create"], values["fits"], values["estimated_seconds"]) == (30, 5, None)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".gz", ".csv")}
    assert after == before
    with pytest.raises(InputError, match="there is none yet"):
        run("status")


@pytest.mark.slow
@pytest.mark.usefixtures("stored")
def test_a_plan_is_executed_exactly_and_refused_when_it_no_longer_holds(tmp_path: Path) -> None:
    plan, days = tmp_path / "plan.json", ["--from", "2025-06-28", "--to", "2025-07-01"]
    asked = ["--series", str(BTC), "--recipe", "har-range"]
    run(*asked, *days, "--dry-run", "--plan-out", str(plan))
    outcome = json.loads(run("--plan", str(plan), "--json"))
    assert (outcome["units"]["done"], outcome["units"]["refused"], outcome["failed"]) == (3, 1, [])
    state: dict[str, Any] = json.loads(run("status", "--json"))
    assert [(unit["as_of"], unit["status"], unit["why"]) for unit in state["units"]] == [
        ("2025-06-28", "done", ""), ("2025-06-29", "done", ""), ("2025-06-30", "done", ""),
        ("2025-07-01", "refused", "after the last candle"),
    ]  # fmt: skip
    assert "3 done, 1 refused" in run("status")
    assert "nothing to do: 3 done, 1 refused" in run("--plan", str(plan))
    assert "estimated time" in run(*asked, *days, "--reprocess", "all", "--dry-run")
    text = json.loads(plan.read_text())
    plan.write_text(json.dumps({**text, "units": text["units"][:2]}))
    with pytest.raises(InputError, match=r"no longer holds: .* is missing"):
        run("--plan", str(plan))
    plan.write_text(json.dumps({**text, "code": "0.0.1"}))
    with pytest.raises(
        InputError, match=r"no longer holds: code was 0\.0\.1 and is .*\. Make the plan again"
    ):
        run("--plan", str(plan))
    plan.write_text("{}")
    with pytest.raises(InputError, match="is no plan of this coincast"):
        run("--plan", str(plan))


@pytest.mark.usefixtures("stored")
def test_cancel_says_what_was_not_begun() -> None:
    from flows.backfills.plan import backfill_request, make_plan
    from flows.edges.backfill_store.units import Backfill
    from flows.edges.clock import clock

    current = configuration()
    stores = open_backfill_stores(current)
    request = backfill_request(current, series=[str(BTC)], first="2025-06-01", last="2025-06-30")
    plan = make_plan(request, current, stores, now=clock())
    stores.units.add(
        Backfill("b1", request, plan.recipe, plan.model_id, plan.now, clock(), 60.0, "run"), plan.units
    )
    assert "30 units cancelled" in run("cancel", "b1")
    assert "30 cancelled" in run("status", "b1")


@pytest.mark.slow
def processor_seconds() -> float:
    """Of the commands so far: on a machine that is busy with something else a clock's say nothing."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def test_a_dry_run_of_ten_series_and_five_years_takes_seconds(tmp_path: Path) -> None:
    names = [Series("simulated", f"COIN{number}USDT") for number in range(10)]
    for series in names:
        store(series, date(2018, 1, 1), tmp_path)
    order = [
        sys.executable, "-c", "from flows.command import main; main()", "backfill", "--dry-run",
        "--from", "2020-07-01",
        "--to", "2025-06-30", "--refit-every", "7", "--series", ",".join(map(str, names)),
    ]  # fmt: skip
    seconds = []
    for _ in range(2):
        before = processor_seconds()
        done = subprocess.run(order, cwd=PROJECT, capture_output=True, text=True, check=True)
        seconds.append(processor_seconds() - before)
    assert "18260 create; 2620 fits" in done.stdout
    probe = (
        "import sys\nfrom flows.command import app\napp(standalone_mode=False)\n"
        "print([m for m in ('keras', 'mlflow', 'great_expectations', 'prefect') if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", probe, *order[3:]], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == "[]"
    assert min(seconds) < 3.0, seconds
