"""Artifacts on a real Prefect server."""

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from flows.day.artifacts import show_page, show_scorecard
from flows.edges.configuration import configuration
from flows.edges.ledger.store import Ledger
from flows.reporting import artifacts
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.series import Series

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 20)


def newest(key: str) -> dict:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        wanted = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}
        found: list[dict] = client._client.post("/artifacts/filter", json=wanted).json()
    return found[0]


def test_a_bar_follows_the_work_and_stays_where_it_failed(
    prefect_harness: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    monkeypatch.setattr(artifacts, "_BETWEEN_S", 0.0)
    seen: list[float] = []

    @flow
    def working() -> None:
        with artifacts.shown_progress("long-work", "Four units.") as show:
            for done in (1, 2):
                show(done, 4)
                seen.append(newest("long-work")["data"])

    @flow
    def failing() -> None:
        with artifacts.shown_progress("short-work", "Units.") as show:
            show(3, 4)
            raise ValueError("no")

    working()
    with pytest.raises(ValueError, match="no"):
        failing()
    assert seen == [25.0, 50.0]
    assert newest("long-work")["data"] == 100.0
    assert newest("short-work")["data"] == 75.0


def test_without_a_flow_nothing_is_asked_of_a_server(monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> None:
    monkeypatch.setattr(artifacts, "create_progress_artifact", lambda *_, **__: pytest.fail("it was"))
    monkeypatch.setattr(artifacts, "create_table_artifact", lambda *_, **__: pytest.fail("it was"))
    with artifacts.shown_progress("work", "Units.") as show:
        show(1, 2)
    show_scorecard(Series("binance", "NONEUSDT"), ledger)


def test_the_scorecard_is_a_row_for_each_model_mode_and_day_ahead(
    prefect_harness: None,
    ledger: Ledger,
    series: Series,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
    make_candles: Callable[..., pd.DataFrame],
) -> None:
    from prefect import flow

    days = [DAY + timedelta(days=number) for number in range(4)]
    for as_of in days:
        for model, spread in (("coincast-range_blend", 0.02), ("coincast-random_walk", 0.03)):
            ledger.issue([make_forecast(as_of, model_id=model, spread=spread)], issue=make_context(as_of))
    # The 80 % range of 2 % a day ends at 1.28 deviations: the first move is beyond, the others are not.
    closes = [100.0, 100.0 * float(np.exp(0.02 * 2.0)), *[100.0] * 3]
    now = datetime(2026, 3, 25, tzinfo=UTC)
    ledger.score(series, make_candles(DAY, closes), snapshot_sha256="a" * 64, now=now, scored_at=now)

    @flow
    def showing() -> None:
        show_scorecard(series, ledger)

    showing()
    rows = json.loads(newest(f"{series.slug}-scorecard")["data"])
    assert {(row["mode"], row["model"]) for row in rows} == {
        ("live", "coincast-range_blend"),
        ("live", "coincast-random_walk"),
    }
    (mine,) = (row for row in rows if row["model"] == "coincast-range_blend" and row["days_ahead"] == 1)
    assert (mine["scored"], mine["held_80_pct"]) == (4, 75.0)
    assert mine["error_over_walk"] is not None
    (walk,) = (row for row in rows if row["model"] == "coincast-random_walk" and row["days_ahead"] == 1)
    assert walk["error_over_walk"] is None


def test_a_server_that_is_gone_fails_nothing_and_holds_nothing_up(
    prefect_harness: None, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bar each write is tried once, and none after one that failed."""
    import prefect.artifacts
    from prefect import flow
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    @flow
    def working() -> None:
        with artifacts.shown_progress("given-up", "Units.") as show:
            monkeypatch.setattr(
                prefect.artifacts, "get_client", lambda **_: SyncPrefectClient("http://127.0.0.1:1/api")
            )
            show(1, 2)
            show(2, 2)
        with artifacts.shown_progress("never-shown", "Units.") as show:
            show(1, 2)
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            artifacts.show_table("backfill-b1", [{"series": str(series)}], "A table.")
            artifacts.show_note("stale", "A text.", "A day.")
            show_page(series, configuration().places, "/site")

    said: list[object] = []
    monkeypatch.setattr(artifacts.log, "warning", lambda *words: said.append(words))
    monkeypatch.setattr(artifacts, "_BETWEEN_S", 0.0)
    started = time.monotonic()
    working()
    assert time.monotonic() - started < 30
    assert len(said) == 5


def test_what_cannot_be_told_fails_nothing_and_hides_nothing_else(
    prefect_harness: None, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    @flow
    def working() -> str:
        artifacts.show_table("backfill-b2", [{"series": object()}], "A value that JSON has no form for.")
        artifacts.show_note("stale", "A text.", "A day.")
        return "done"

    said: list[object] = []
    monkeypatch.setattr(artifacts.log, "exception", lambda *words: said.append(words))
    assert working() == "done"
    assert len(said) == 1
    assert "A text." in newest("stale")["data"]
