"""`coincast doctor` on stores that are not there, whole, and broken one at a time."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.command import app
from flows.command.doctor import _print
from flows.edges.clock import clock
from flows.edges.configuration import PROJECT, configuration
from flows.edges.http.demo_site import Reply, serve_market
from flows.edges.ledger.store import Ledger
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sql.database import open_database
from flows.operations.doctor import Finding
from pipeline.candles import Account
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.series import Series

pytestmark = pytest.mark.slow

SERIES = Series("binance", "BTCUSDT")
Doctor = Callable[[], tuple[int, dict[str, dict[str, str]]]]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """The command: its exit status, and findings by name."""
    monkeypatch.setenv("PREFECT_API_URL", "")
    monkeypatch.setenv("COINCAST_SERIES", str(SERIES))

    def work() -> tuple[int, dict[str, dict[str, str]]]:
        done = CliRunner().invoke(app, ["doctor", "--json"])
        said: dict[str, Any] = json.loads(done.stdout)
        assert said["healthy"] == (done.exit_code == 0)
        assert all(one["remedy"] for one in said["findings"] if one["status"] != "ok")
        return done.exit_code, {one["name"]: one for one in said["findings"]}

    return work


@pytest.fixture
def yesterday() -> date:
    return clock().date() - timedelta(days=1)


@pytest.fixture
def ran(
    own_state: Path,
    tmp_path: Path,
    yesterday: date,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> Path:
    """Stores after a night's run on real candles, MLflow's too; the snapshot's file."""
    engine = open_database(configuration().places.database_url)
    store = SnapshotStore(engine, configuration().places.snapshots_url)
    night = datetime.combine(clock().date(), time(), clock().tzinfo)
    content = tmp_path / "file.csv"
    content.write_text("made up")
    account = Account(
        format="cdd", series=SERIES, rows_read=9, rows_kept=9, first="2020-01-01", last=yesterday.isoformat()
    )
    kept = store.add(
        content, series=SERIES, url="u", fetched_at=night, etag="", last_modified="", account=account
    )
    context = make_context(yesterday, now=night, issued_at=night)
    Ledger(engine).issue([make_forecast(yesterday, series=SERIES)], issue=context)
    engine.dispose()
    mlflow = tmp_path / "mlruns" / "mlflow.db"
    mlflow.parent.mkdir()
    with sqlite3.connect(mlflow) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('1')")
    return next((own_state / "snapshots").rglob(f"{kept.sha256}*"))


def failed(findings: dict[str, dict[str, str]]) -> set[str]:
    return {name for name, finding in findings.items() if finding["status"] == "failed"}


def test_a_fresh_checkout_is_told_to_begin_and_stays_fresh(doctor: Doctor, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    status, findings = doctor()
    assert status == 0
    assert {findings[name]["said"] for name in ("database", "MLflow")} == {"nothing has run yet"}
    assert "coincast daily" in findings["database"]["remedy"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_deployment_that_ran_is_well(doctor: Doctor, ran: Path, yesterday: date) -> None:
    status, findings = doctor()
    assert (status, failed(findings)) == (0, set())
    assert str(yesterday) in findings[f"last run {SERIES}"]["said"]
    assert findings[f"alarms {SERIES}"]["status"] == "ok"
    assert {one["status"] for one in findings.values()} == {"ok"}


def test_people_read_a_line_for_each(doctor: Doctor, ran: Path) -> None:
    ran.unlink()
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    told, _, remedies = done.stdout.partition("\n\nWhat to do:\n")
    lines = told.splitlines()
    assert remedies.startswith("- ")
    assert all(line.split()[0] in ("ok", "warning", "failed") for line in lines)
    assert any(line.startswith("failed") and str(SERIES) in line for line in lines)


def test_a_series_that_was_only_just_configured_is_no_failure(
    doctor: Doctor, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINCAST_SERIES", f"{SERIES},binance/ETHUSDT/1d")
    status, findings = doctor()
    assert status == 0
    assert "--series binance/ETHUSDT/1d" in findings["last run binance/ETHUSDT/1d"]["remedy"]


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8bnot gzip"])
def test_a_damaged_snapshot(doctor: Doctor, ran: Path, damage: bytes) -> None:
    ran.write_bytes(damage)
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {f"series {SERIES}"})
    assert "damaged" in findings[f"series {SERIES}"]["said"]


def test_a_forecast_that_cannot_be_read_hides_no_other_series(
    doctor: Doctor,
    ran: Path,
    yesterday: date,
    damaged_forecast: Callable[..., AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COINCAST_SERIES", f"{SERIES},binance/ETHUSDT/1d")
    where = {"as_of": yesterday, "model_id": "coincast-range_blend", "horizon": 1}
    with damaged_forecast(SERIES, **where, quantiles=b"cut off"):
        status, findings = doctor()
    assert (status, failed(findings)) == (1, {"clock", f"series {SERIES}"})
    assert "ValueError" in findings[f"series {SERIES}"]["said"]
    assert "--series binance/ETHUSDT/1d" in findings["last run binance/ETHUSDT/1d"]["remedy"]
    assert doctor()[0] == 0


def test_a_late_vendor_and_a_missed_day(
    doctor: Doctor, own_state: Path, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock() + timedelta(days=6)
    monkeypatch.setattr("flows.edges.clock.clock", lambda: later)
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {f"no-forecast {SERIES}", f"stale-source {SERIES}"})


def test_a_clock_that_is_behind(doctor: Doctor, ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = clock() - timedelta(days=2)
    monkeypatch.setattr("flows.edges.clock.clock", lambda: earlier)
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"clock"})


def test_a_record_that_chance_does_not_explain(
    doctor: Doctor,
    ran: Path,
    yesterday: date,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
    make_candles: Callable[..., Any],
) -> None:
    """Sixty live days whose closes all fall far outside of every range."""
    engine = open_database(configuration().places.database_url)
    ledger = Ledger(engine)
    first = yesterday - timedelta(days=60)
    closes = 100.0 * np.exp(0.2 * np.cumsum(np.resize([1.0, -1.0], 61)))
    for index in range(60):
        day = first + timedelta(days=index)
        forecast = make_forecast(day, series=SERIES, last_close=float(closes[index]), spread=0.001)
        ledger.issue([forecast], issue=make_context(day))
    ledger.score(
        SERIES, make_candles(first, closes.tolist()), snapshot_sha256="a" * 64, now=clock(), scored_at=clock()
    )
    engine.dispose()
    status, findings = doctor()
    assert status == 1
    assert f"coverage {SERIES}" in failed(findings)
    assert "coincast scorecard" in findings[f"coverage {SERIES}"]["remedy"]


def test_a_database_that_is_none(doctor: Doctor, own_state: Path) -> None:
    own_state.mkdir()
    (own_state / "coincast.db").write_text("this is a text, and a long one at that" * 100)
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"database"})


@pytest.mark.parametrize("revision", ["0000", "9999"])
def test_a_database_of_another_revision(doctor: Doctor, own_state: Path, ran: Path, revision: str) -> None:
    with sqlite3.connect(own_state / "coincast.db") as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"database"})
    assert revision in findings["database"]["said"]
    way_out = {"0000": "`coincast scorecard` brings it up to date", "9999": "update coincast"}
    assert way_out[revision] in findings["database"]["said"]


def test_a_database_that_does_not_answer(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINCAST_DATABASE_URL", "postgresql://coincast:secret@127.0.0.1:9/coincast")
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"database"})
    assert "secret" not in str(findings)


def test_settings_that_are_none(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text("recipee = 'range-lstm'")
    monkeypatch.setenv("COINCAST_SETTINGS", str(tmp_path / "own.toml"))
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"settings"})
    (tmp_path / "own.toml").write_bytes(b"source = '\xe9t\xe9'")
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"settings"})
    assert "own.toml cannot be read as UTF-8 text" in findings["settings"]["said"]


def test_servers_that_do_not_answer(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"MLflow", "Prefect"})
    assert "secret" not in str(findings)


def test_the_server_of_prefects_profile_is_asked_too(tmp_path: Path) -> None:
    address = "http://127.0.0.1:9/api"
    (tmp_path / "profiles.toml").write_text(
        f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{address}/"\n'
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    order = [
        sys.executable,
        "-c",
        "from flows.edges.prefect_api import prefect_api; print(prefect_api())",
    ]
    for changes, expected in (({}, address), ({"PREFECT_API_URL": ""}, "")):
        environment = {**plain, "PREFECT_HOME": str(tmp_path), **changes}
        done = subprocess.run(order, env=environment, cwd=PROJECT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected


def test_a_run_on_a_server_that_does_not_answer_is_refused_in_a_line(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PREFECT_API_URL": "http://ann:secret@127.0.0.1:9/api",
        "PREFECT_HOME": str(tmp_path),
    }
    order = [
        sys.executable,
        "-c",
        "from flows.command import main; main()",
        "daily",
        "--source",
        str(tmp_path),
    ]
    done = subprocess.run(order, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith(
            "coincast: No Prefect server answers at http://127.0.0.1:9/api: start it, or unset PREFECT_API_URL"
        )
    )
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_server_without_the_deployment(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    script = [Reply(body=b"true"), Reply(status=404, body=b'{"detail": "Not found"}')]
    with serve_market({}, script=script) as site:
        monkeypatch.setenv("PREFECT_API_URL", site.url)
        status, findings = doctor()
    assert status == 0
    assert findings["Prefect"]["status"] == "ok"
    assert "coincast deploy" in findings["deployment"]["remedy"]


def test_the_file_store_is_refused(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    status, findings = doctor()
    assert (status, failed(findings)) == (1, {"MLflow"})


def test_the_installed_packages_are_those_of_the_project(doctor: Doctor) -> None:
    _, findings = doctor()
    asked = (PROJECT / "pyproject.toml").read_text().split("dependencies = [")[1].split("]\n")[0].count('",')
    assert findings["packages"]["said"].startswith(f"{asked} packages")


def test_each_remedy_is_told_once_what_failed_first(capsys: pytest.CaptureFixture[str]) -> None:
    first = "run `coincast daily`"
    _print(
        [
            Finding("MLflow", "warning", "nothing has run yet", first),
            Finding("database", "warning", "nothing has run yet", first),
            Finding("clock", "ok", "12:00 UTC"),
            Finding("disk", "failed", "it is full", "free some space"),
        ]
    )
    findings, _, remedies = capsys.readouterr().out.partition("\nWhat to do:\n")
    assert findings.splitlines()[3] == "failed  disk: it is full"
    assert first not in findings
    assert remedies.splitlines() == ["- free some space (disk)", f"- {first} (MLflow, database)"]
