"""Nights of which one was missed, and the flows that look back on them: `score`, `weekly-report`, `retention`."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.sources.crypto_data_download import file_name
from flows.inputs.stores import Stores, open_stores
from pipeline.errors import DateError
from pipeline.forecasts.columns import mode_of
from pipeline.page.latest import LATEST, read_latest
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "BTCUSDT")
MODEL = "coincast-tiny_range"
SUNDAY = date(2026, 3, 29)
THURSDAY, FRIDAY, SATURDAY = (SUNDAY - timedelta(days=back) for back in (3, 2, 1))
MONDAY_MORNING = "2026-03-30T08:00:00Z"
DailyRun = Callable[[date, str], list[tuple[str, str]]]


@pytest.fixture
def files() -> dict[str, bytes]:
    return {}


@pytest.fixture
def overrides(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    monkeypatch.setenv("COINCAST_SERIES", str(SERIES))
    with serve_market(files) as site:
        yield {"source": site.url, "recipe": "tiny-range"}


@pytest.fixture
def daily_run(files: dict[str, bytes], overrides: dict[str, str]) -> DailyRun:
    """The run twenty minutes after a day: as_of and outcome of each day that it forecast."""
    from flows.daily import daily

    def work(last: date, policy: str) -> list[tuple[str, str]]:
        candles = simulate_candles(seed=12, first=date(2023, 10, 1), last=last, price=20_000.0)
        files[file_name(SERIES)] = wire_format(candles, SERIES)
        now = f"{last + timedelta(days=1)}T00:20:00Z"
        outcomes = daily(now=now, overrides={**overrides, "catch_up": policy})
        return [(outcome.as_of, outcome.outcome) for outcome in outcomes]

    return work


def test_a_missed_night_is_caught_up_on_and_the_week_is_told(
    daily_run: DailyRun, overrides: dict[str, str]
) -> None:
    assert daily_run(THURSDAY, "all") == [(str(THURSDAY), "published")], "the first run has missed nothing"
    assert daily_run(SATURDAY, "latest") == [(str(SATURDAY), "published")]
    assert daily_run(SUNDAY, "all") == [(str(day), "published") for day in (FRIDAY, SUNDAY)]
    assert daily_run(SUNDAY, "all") == [(str(SUNDAY), "nothing new, nothing changed")]
    stores = open_stores(configuration().places)
    rows = stores.ledger.forecasts(SERIES, model_ids=[MODEL])
    assert sorted(set(rows["as_of"].dt.date)) == [THURSDAY, FRIDAY, SATURDAY, SUNDAY]
    assert_issued_by_the_rule(rows[rows["as_of"] == str(FRIDAY)], stores)
    page = Path(configuration().places.publish_url) / "latest.json"
    assert json.loads(page.read_text())["series"][SERIES.slug]["as_of"] == str(SUNDAY)

    assert_nothing_is_left_to_score(overrides)
    assert_the_week_is_told(stores)
    assert_retention_keeps_what_is_published(stores)


def assert_issued_by_the_rule(caught: pd.DataFrame, stores: Stores) -> None:
    now = datetime.combine(SUNDAY + timedelta(days=1), time(0, 20), UTC)
    assert caught["mode"].tolist() == [mode_of(target.date(), now=now) for target in caught["target_date"]]
    assert set(caught["mode"]) == {"live", "backfill"}
    assert {stores.ledger.manifest(one).trained_as_of for one in caught["manifest_id"]} == {FRIDAY}


def assert_nothing_is_left_to_score(overrides: dict[str, str]) -> None:
    from flows.score import score

    assert score(now=MONDAY_MORNING, overrides=overrides) == {str(SERIES): 0}
    assert len(score(now="2026-03-31T12:20:00Z", overrides=overrides)) == 1


def assert_the_week_is_told(stores: Stores) -> None:
    from flows.weekly_report import weekly_report

    report = weekly_report(now=MONDAY_MORNING)
    assert report is not None
    (row,) = report.rows
    # Said in time: Friday by Thursday's run and Sunday by Saturday's. Friday's run came when its first two days
    # were over.
    assert (report.week, row["days"], row["unforecast"], row["backfilled"]) == ("2026-W13", 2, 5, 2)
    assert (row["candles"], row["decisions"], row["restated"]) == (7, 3, 0)
    scores = stores.ledger.scores(SERIES, mode="live")
    published = {str(day): stores.ledger.publication(SERIES, as_of=day) for day in (THURSDAY, SATURDAY)}
    mine = [
        bool(one.hit_80)
        for one in scores[scores["horizon"] == 1].itertuples()
        if (said := published.get(str(one.as_of.date()))) and said.model_id == one.model_id
    ]
    assert (len(mine), row["held_80"]) == (2, sum(mine))

    page = Path(configuration().places.publish_url) / "weekly.html"
    assert "2026-W13" in page.read_text()
    assert 'href="weekly.html"' in (page.parent / "index.html").read_text()
    assert read_latest((page.parent / LATEST).read_bytes()).week == "2026-W13"
    again = weekly_report(now=MONDAY_MORNING)
    assert again is not None
    assert (again.outcome, again.run_url) == ("unchanged", report.run_url)
    experiment = stores.tracking.find_experiment("weekly-report")
    assert experiment is not None
    (run,) = experiment.find_runs(tags={"week": "2026-W13"})
    assert run.metrics["days_scored"] == 2
    assert run.metrics["held_80_share"] == sum(mine) / 2
    table = experiment.tracking.client.download_artifacts(run.id, "series.json")
    assert json.loads(Path(table).read_text())["data"][0][0] == str(SERIES)
    with pytest.raises(DateError, match="is not over"):
        weekly_report(week="2026-W14", now=MONDAY_MORNING)
    with pytest.raises(DateError, match="2026-W13"):
        weekly_report(week="13", now=MONDAY_MORNING)


def assert_retention_keeps_what_is_published(stores: Stores) -> None:
    from flows.retention import retention

    before = len(stores.ledger.forecasts(SERIES))
    done = retention(keep=1)
    assert done.pruned[str(SERIES)].versions == ()
    assert [one.name for one in done.vacuumed] == ["ledger", "MLflow", "Prefect"]
    assert len(stores.ledger.forecasts(SERIES)) == before
    made = {"weekly-report", "weekly-report-series", "retention", "retention-databases"}
    assert artifact_keys(made) == made


def artifact_keys(wanted: set[str]) -> set[str]:
    """Which of the wanted keys the server has: it answers with 200 artifacts at most, whatever others there are."""
    from prefect.client.orchestration import get_client

    wish = {"artifacts": {"key": {"any_": sorted(wanted)}}}
    with get_client(sync_client=True) as client:
        return {one["key"] for one in client._client.post("/artifacts/filter", json=wish).json()}
