"""What the database itself refuses, whoever asks, and what happens when two write at once."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from flows.edges.ledger.publications import GateRecord
from flows.edges.ledger.store import Ledger
from flows.edges.ledger.tables import decisions, forecasts, issuances, publications
from flows.edges.sql.database import reading
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.monitoring.alarms import Alarm
from pipeline.series import Series

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 29)
TABLES = ("manifests", "issuances", "forecasts", "scores", "publications", "decisions", "alarms")

WRITER = """
import sys
from datetime import UTC, date, datetime, time, timedelta
import numpy as np
from flows.edges.sql.database import open_database
from flows.edges.ledger.store import Ledger
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.manifest import Manifest
from pipeline.forecasts.columns import IssueContext
from pipeline.series import Series

MODEL = "coincast-range_blend"
ledger = Ledger(open_database(sys.argv[1]))
print("ready", flush=True)
input()
for name, spread in zip(sys.argv[2::2], map(float, sys.argv[3::2])):
    for offset in range(15):
        day = date(2026, 1, 1) + timedelta(days=offset)
        now = datetime.combine(day + timedelta(days=1), time(0, 20), UTC)
        manifest = Manifest({}, 1, day, (name,), ("a" * 64,), "known", "0.1.0", {})
        context = IssueContext(manifest, "1", "run", "a" * 64, "known", now, now)
        quantiles = 100 + spread * np.tile(np.arange(23.0), (7, 1))
        forecast = Forecast(Series.parse(name), day, MODEL, 100.0, quantiles)
        ledger.issue([forecast], issue=context)
        ledger.publish(forecast.series, day, model_id=MODEL, now=now, published_at=now)
"""


@pytest.fixture
def filled(
    ledger: Ledger,
    series: Series,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
    make_candles: Callable[..., Any],
    make_decision: Callable[..., GateRecord],
) -> Ledger:
    """A ledger with a row in each of its tables."""
    context = make_context(DAY)
    ledger.issue([make_forecast(DAY)], issue=context)
    ledger.publish(series, DAY, model_id="coincast-range_blend", now=context.now, published_at=context.now)
    ledger.decide(series, make_decision(DAY))
    alarm = Alarm(str(series), "skill", "Look at it.", DAY)
    ledger.alarms.keep([alarm], now=context.now, raised_at=context.now)
    later = context.now + timedelta(days=30)
    ledger.score(series, make_candles(DAY, [100.0] * 9), snapshot_sha256="b" * 64, now=later, scored_at=later)
    return ledger


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("table", TABLES)
def test_no_row_can_be_changed_or_removed_by_sql(table: str, engine: sa.Engine) -> None:
    orders = [f"UPDATE {table} SET id = id", f"DELETE FROM {table}"]
    if engine.dialect.name == "postgresql":
        orders.append(f"TRUNCATE {table} CASCADE")
    before = _rows(engine, table)
    assert before
    for order in orders:
        with pytest.raises(DBAPIError, match="only grows"), engine.begin() as connection:
            connection.execute(sa.text(order))
    assert _rows(engine, table) == before


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("table", TABLES)
def test_no_row_can_be_replaced_by_inserting_over_it(table: str, engine: sa.Engine) -> None:
    before = _rows(engine, table)
    # PostgreSQL gives JSON as what it says, and takes it as text.
    values = {
        name: json.dumps(one) if isinstance(one, dict | list) else one for name, one in before[0].items()
    }
    names, holders = ", ".join(values), ", ".join(f":{name}" for name in values)
    if engine.dialect.name == "postgresql":
        order = (
            f"INSERT INTO {table} ({names}) VALUES ({holders}) ON CONFLICT (id) DO UPDATE SET id = {table}.id"
        )
    else:
        order = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({holders})"
    with pytest.raises(DBAPIError, match="only grows"), engine.begin() as connection:
        connection.execute(sa.text(order), values)
    assert _rows(engine, table) == before


@pytest.mark.usefixtures("filled")
def test_replacing_a_forecast_by_its_key_is_refused_too(series: Series, engine: sa.Engine) -> None:
    row = _forecast(engine, series)
    del row["id"]
    statement = forecasts.insert().prefix_with("OR REPLACE", dialect="sqlite")
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(statement, {**row, "last_close": 1.0})
    assert _forecast(engine, series)["last_close"] == 100.0


@pytest.mark.usefixtures("filled")
def test_a_fit_is_not_decided_on_twice(series: Series, engine: sa.Engine) -> None:
    query = sa.select(decisions).where(decisions.c.series == str(series))
    with reading(engine) as connection:
        row = dict(connection.execute(query).mappings().one())
    del row["id"]
    statement = decisions.insert().prefix_with("OR REPLACE", dialect="sqlite")
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(statement, {**row, "promoted": not row["promoted"]})
    with reading(engine) as connection:
        assert connection.execute(query).mappings().one()["promoted"] == row["promoted"]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "fault",
    [
        {"horizon": 0},
        {"horizon": 8, "target_date": DAY + timedelta(days=8)},
        {"target_date": DAY + timedelta(days=2)},
        {"mode": "rehearsal"},
        {"now": datetime(2026, 3, 31, tzinfo=UTC)},
        {"now": datetime(2026, 3, 29, 23, 59, 59, tzinfo=UTC)},
        {"issue": 0},
        {"last_close": 0.0},
        {"random_walk_from": 8},
        {"quantiles": b"short"},
        {"issuance_id": 10**6},
        {"model_id": None},
    ],
)
def test_a_row_that_cannot_be_true_is_refused(
    fault: dict[str, Any], series: Series, engine: sa.Engine
) -> None:
    row = _forecast(engine, series)
    del row["id"]
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(forecasts.insert(), {**row, "issue": 2, **fault})
    with engine.connect() as connection:
        # The same row without the fault is accepted: it was the fault that was refused.
        connection.execute(forecasts.insert(), {**row, "issue": 2})
        connection.rollback()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "fault", [{"vintage": "guessed"}, {"snapshot_sha256": "a" * 63}, {"manifest_id": "c" * 64}]
)
def test_what_forecasts_share_must_be_true_too(fault: dict[str, str], engine: sa.Engine) -> None:
    with engine.connect() as connection:
        row = dict(connection.execute(sa.select(issuances).limit(1)).mappings().one())
    del row["id"]
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(issuances.insert(), {**row, **fault})


@pytest.mark.slow
def test_two_processes_that_issue_at_once_leave_what_one_after_the_other_would(
    ledger: Ledger, series: Series, engine: sa.Engine, shared_database_url: str
) -> None:
    other = Series("kraken", series.symbol)
    _race(shared_database_url, [(series, 1.0), (other, 1.0)], [(series, 1.0), (other, 2.0)])
    agreed = ledger.forecasts(series, latest_only=False)
    assert len(agreed) == 15 * 7
    assert set(agreed["issue"]) == {1}
    disputed = ledger.forecasts(other, latest_only=False)
    issues = disputed.groupby(["as_of", "horizon"])["issue"].apply(tuple)
    assert issues.tolist() == [(1, 2)] * (15 * 7)
    with reading(engine) as connection:
        query = sa.select(sa.func.count()).where(publications.c.series == str(series))
        assert connection.execute(query).scalar_one() == 15


def _race(url: str, *tasks: list[tuple[Series, float]]) -> None:
    """A process for each list of series and spreads; all begin when all are ready."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, *(str(part) for pair in task for part in pair)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for task in tasks
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    complaints = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [(writer.returncode, text) for writer, text in zip(writers, complaints, strict=True)] == [
        (0, "")
    ] * len(writers)


def _rows(engine: sa.Engine, table: str) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [
            dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY id")).mappings()
        ]


def _forecast(engine: sa.Engine, series: Series) -> dict[str, Any]:
    query = sa.select(forecasts).where(forecasts.c.series == str(series), forecasts.c.horizon == 1)
    with reading(engine) as connection:
        return dict(connection.execute(query).mappings().one())
