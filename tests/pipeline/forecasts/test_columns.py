from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forecasts.columns import QUANTILES, IssueContext, complete_at, mode_of, quantile_matrix
from pipeline.forecasts.manifest import Manifest

MANIFEST = Manifest({}, 1, date(2026, 3, 29), ("binance/BTCUSDT/1d",), ("a" * 64,), "known", "0.1.0", {})
NOW = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
CONTEXT = IssueContext(MANIFEST, "3", "run", "a" * 64, "known", NOW, NOW)

instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))
offsets = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def test_a_candle_is_complete_at_the_next_midnight_utc() -> None:
    assert complete_at(date(2026, 12, 31)) == datetime(2027, 1, 1, tzinfo=UTC)


@given(instants, offsets)
def test_the_mode_depends_on_the_instant_and_not_on_the_clock_that_tells_it(
    naive: datetime, zone: timezone
) -> None:
    now = naive.replace(tzinfo=UTC)
    day = naive.date()
    assert mode_of(day, now=now.astimezone(zone)) == "live"
    assert mode_of(day - timedelta(days=1), now=now.astimezone(zone)) == "backfill"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"now": NOW.replace(tzinfo=None)}, "time zone"),
        ({"issued_at": NOW.replace(tzinfo=None)}, "time zone"),
        ({"vintage": "recent"}, "known or latest, got 'recent'"),
        ({"snapshot_sha256": "A" * 64}, "64 hex digits"),
        ({"snapshot_sha256": ""}, "64 hex digits"),
    ],
)
def test_a_context_checks_itself(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONTEXT, **fault)


def test_quantiles_of_rows_become_one_array() -> None:
    rows = pd.DataFrame({QUANTILES: [np.arange(23.0), np.arange(23.0) + 1]})
    assert quantile_matrix(rows).tolist() == [list(range(23)), list(range(1, 24))]
    assert quantile_matrix(rows.iloc[:0]).shape == (0, 23)
