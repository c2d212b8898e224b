from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows.edges.ledger.store import Ledger
from flows.edges.snapshots.store import SnapshotStore
from flows.publishing.alarms import raise_alarms, series_alarms, usual_model
from pipeline.candles import Account
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.monitoring.alarms import Alarm
from pipeline.series import Series
from pipeline.settings import Settings

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 29)


@pytest.fixture
def snapshots(engine: sa.Engine, tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(engine, str(tmp_path / "snapshots"))


def test_a_series_that_was_never_forecast_alarms_once(
    ledger: Ledger, snapshots: SnapshotStore, series: Series
) -> None:
    (alarm,) = series_alarms(
        ledger, snapshots, series, settings=Settings(), now=datetime(2026, 3, 30, 12, tzinfo=UTC)
    )
    assert (alarm.kind, alarm.series) == ("no-forecast", str(series))


def test_a_first_day_made_afterwards_misses_nothing_until_the_next_is_due(
    ledger: Ledger,
    snapshots: SnapshotStore,
    series: Series,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> None:
    begun = datetime(2026, 5, 20, 9, tzinfo=UTC)
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY, now=begun))

    def kinds(now: datetime) -> list[str]:
        return [
            alarm.kind for alarm in series_alarms(ledger, snapshots, series, settings=Settings(), now=now)
        ]

    assert kinds(begun) == kinds(datetime(2026, 5, 21, 5, 59, tzinfo=UTC)) == []
    assert kinds(datetime(2026, 5, 21, 6, tzinfo=UTC)) == ["no-forecast"]


def test_a_late_vendor_is_a_missing_forecast_and_a_stale_source(
    ledger: Ledger,
    snapshots: SnapshotStore,
    series: Series,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
    tmp_path: Path,
) -> None:
    ledger.issue([make_forecast(DAY)], issue=make_context(DAY))
    content = tmp_path / "file.csv"
    content.write_text("made up")
    account = Account(
        format="cdd", series=series, rows_read=400, rows_kept=400, first="2025-02-23", last=DAY.isoformat()
    )
    snapshots.add(
        content,
        series=series,
        url="http://127.0.0.1/file.csv",
        fetched_at=datetime(2026, 3, 30, 0, 20, tzinfo=UTC),
        etag="",
        last_modified="",
        account=account,
    )

    def kinds(now: datetime) -> list[str]:
        return [
            alarm.kind for alarm in series_alarms(ledger, snapshots, series, settings=Settings(), now=now)
        ]

    assert kinds(datetime(2026, 3, 30, 12, tzinfo=UTC)) == []
    assert kinds(datetime(2026, 3, 31, 12, tzinfo=UTC)) == ["no-forecast"]
    assert kinds(datetime(2026, 4, 1, 12, tzinfo=UTC)) == ["no-forecast", "stale-source"]


def test_the_usual_model_is_the_recipes() -> None:
    assert usual_model(Settings(recipe="range-blend")) == "coincast-range_blend"


def test_what_was_raised_is_kept_once_in_its_first_words_after_it_is_over(
    ledger: Ledger, series: Series
) -> None:
    first, second = (datetime(2026, 3, day, 0, 20, tzinfo=UTC) for day in (30, 31))
    old = Alarm(str(series), "skill", "Worse than the random walk.", DAY)
    new = Alarm(str(series), "stale-source", "Look at the source.", date(2026, 3, 31))
    raise_alarms(ledger, series, [old], now=first, simulated_time=False)
    again = Alarm(str(series), "skill", "Worse still.", DAY)
    raise_alarms(ledger, series, [again, new], now=second, simulated_time=False)
    raise_alarms(ledger, series, [], now=second, simulated_time=False)
    kept = ledger.alarms.raised([series])
    assert [(one.alarm, one.now) for one in kept] == [(new, second), (old, first)]
    assert all(one.raised_at > second for one in kept)
    assert ledger.alarms.raised([Series("binance", "NOBODYUSDT")]) == ()
