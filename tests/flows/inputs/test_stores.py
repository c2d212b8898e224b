"""Whether a run will fit is known before TensorFlow is imported for it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.edges.configuration import Configuration, configuration
from flows.edges.ledger.store import Ledger
from flows.edges.sql.database import open_database
from flows.inputs.request import plan_jobs
from flows.inputs.stores import is_fit_due
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.series import Series

DAY = timedelta(days=1)
MODEL = "coincast-range_blend"


@pytest.fixture
def current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.setenv("COINCAST_HOME", str(tmp_path))
    return configuration({"source": str(tmp_path)})


def is_due(current: Configuration, series: list[Series], as_of: date, *, every: int = 1) -> bool:
    chosen = configuration({"source": str(current.settings.source), "refit_every": every})
    now = datetime(as_of.year, as_of.month, as_of.day, 0, 20, tzinfo=UTC) + DAY
    return is_fit_due(plan_jobs(chosen, series, as_of=None, now=now), chosen.places)


def test_a_fit_is_due_until_each_series_has_the_days_forecast(
    current: Configuration,
    series: Series,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> None:
    as_of, other = date(2026, 3, 26), Series("bitstamp", "ETHUSD")
    ledger = Ledger(open_database(current.places.database_url))
    assert is_due(current, [series], as_of)
    ledger.issue([make_forecast(as_of, model_id=MODEL)], issue=make_context(as_of))
    assert not is_due(current, [series], as_of)
    assert is_due(current, [series, other], as_of)
    assert is_due(current, [series], as_of + DAY)
    # The refit calendar of 7 has a fit on 2026-03-26, a Thursday like 1970-01-01.
    assert not is_due(current, [other], as_of + DAY, every=7)
    assert is_due(current, [other], as_of, every=7)
