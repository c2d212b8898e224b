import json
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.edges.ledger.store import Ledger
from flows.edges.snapshots.download import download
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from flows.publishing.vendor_revisions import Change, vendor_changes
from pipeline.candles.columns import CLOSE, DATE, HIGH
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

FIRST = date(2026, 1, 1)
MARKET = simulate_candles(seed=5, first=FIRST, last=date(2026, 3, 31), price=50_000.0)


class Vendor:
    """A folder that the vendor writes and a store that looks at it every day, twenty minutes after midnight."""

    def __init__(self, series: Series, folder: Path) -> None:
        self.series, self.folder = series, folder
        self.engine = open_database(f"sqlite:///{folder / 'coincast.db'}")
        self.store = SnapshotStore(self.engine, str(folder / "snapshots"))
        self.ledger = Ledger(self.engine)

    def serve(self, table: pd.DataFrame, as_of: date) -> datetime:
        seen = datetime(as_of.year, as_of.month, as_of.day, 0, 20, tzinfo=UTC) + timedelta(days=1)
        file = table[table[DATE] <= pd.Timestamp(as_of)]
        (self.folder / file_name(self.series)).write_bytes(wire_format(file, self.series))
        download(self.series, str(self.folder), self.store, now=seen, limit_mb=1)
        return seen

    def changes(self, **limits: object) -> list[Change]:
        return list(vendor_changes(self.series, self.store, self.ledger, **limits))


@pytest.fixture
def vendor(series: Series, tmp_path: Path) -> Vendor:
    return Vendor(series, tmp_path)


def revised(day: date, name: str, factor: float) -> pd.DataFrame:
    table = MARKET.copy()
    table.loc[table[DATE] == pd.Timestamp(day), name] *= factor
    return table


def test_each_snapshot_is_compared_with_the_one_before(vendor: Vendor) -> None:
    vendor.serve(MARKET, date(2026, 3, 10))
    vendor.serve(MARKET, date(2026, 3, 11))
    vendor.serve(MARKET, date(2026, 3, 11))
    seen = vendor.serve(revised(date(2026, 3, 5), HIGH, 1.01), date(2026, 3, 12))
    first, second = vendor.changes()
    assert first.revisions.summary == "1 new day (2026-03-11)."
    assert [f"{day:%Y-%m-%d}" for day in second.revisions.new] == ["2026-03-12"]
    assert second.revisions.restated["field"].tolist() == [HIGH]
    assert (second.old, second.new.since) == (first.new, seen)
    [row] = second.rows(5)
    assert (row["date"], row["field"], row["change_pct"]) == ("2026-03-05", HIGH, pytest.approx(1.0))


def test_only_what_was_seen_since_a_day_or_last_is_compared(vendor: Vendor) -> None:
    for number in (10, 11, 12, 13):
        vendor.serve(MARKET, date(2026, 3, number))
    assert [f"{one.new.since:%d}" for one in vendor.changes()] == ["12", "13", "14"]
    assert [f"{one.new.since:%d}" for one in vendor.changes(since=date(2026, 3, 13))] == ["13", "14"]
    assert [f"{one.new.since:%d}" for one in vendor.changes(since=date(2026, 3, 1))] == ["12", "13", "14"]
    assert vendor.changes(since=date(2026, 4, 1)) == []
    assert [f"{one.new.since:%d}" for one in vendor.changes(newest=True)] == ["14"]


def test_one_snapshot_or_none_makes_no_change(vendor: Vendor) -> None:
    assert vendor.changes() == vendor.changes(newest=True) == []
    vendor.serve(MARKET, date(2026, 3, 10))
    assert vendor.changes() == vendor.changes(newest=True) == []


def test_forecasts_and_models_that_a_restated_close_touches_are_named(
    vendor: Vendor, make_forecast: Callable[..., Forecast], make_context: Callable[..., IssueContext]
) -> None:
    vendor.serve(MARKET, date(2026, 3, 10))
    for number in (4, 5, 10):
        day = date(2026, 3, number)
        vendor.ledger.issue([make_forecast(day)], issue=make_context(day, model_version=str(number)))
    vendor.serve(revised(date(2026, 3, 5), CLOSE, 1.001), date(2026, 3, 11))
    late = date(2026, 3, 11)  # made from the restated file: not touched by it
    vendor.ledger.issue([make_forecast(late)], issue=make_context(late, model_version="11"))
    [change] = vendor.changes()
    assert change.as_ofs == ("2026-03-05", "2026-03-10")
    assert change.targets == ("2026-03-05",)
    assert change.models == ("coincast-range_blend 10", "coincast-range_blend 5")
    told = json.loads(json.dumps(change.as_dict(), allow_nan=False))
    assert told["touched"]["as_of"] == ["2026-03-05", "2026-03-10"]
    assert {"series", "old_sha256", "new_sha256", "seen_at", "summary", "new", "restated"} <= set(told)


def test_a_damaged_snapshot_is_named_and_left_out(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    for number in (10, 11, 12):
        vendor.serve(MARKET, date(2026, 3, number))
    middle = vendor.store.vintages(vendor.series)[1].snapshot.sha256
    next(vendor.folder.rglob(f"{middle}.csv.gz")).write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING, "coincast"):
        [change] = vendor.changes()
    assert change.revisions.summary == "2 new days (2026-03-11 to 2026-03-12)."
    assert middle[:12] in caplog.text
    assert "is damaged" in caplog.text
