"""With fits a few days apart: between them the registered fit forecasts, and a person's word on it is heard."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pandas as pd
import pytest

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.machine.locks import locks_of
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.tracking.aliases import rollback
from flows.edges.tracking.registry import RegisteredModel
from flows.inputs.stores import Stores, open_stores
from flows.publishing.reproduction import reproduce
from pipeline.features.day_axis import refit_day
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

SERIES = Series("simulated", "BTCUSDT")
MODEL = "coincast-tiny_range"
EVERY = 7
FIT_DAY = refit_day(date(2026, 3, 29), EVERY)
DailyRun = Callable[..., dict[str, float]]


@pytest.fixture
def daily_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[DailyRun]:
    """The run twenty minutes after a day; its seconds by stage."""
    from flows.daily import daily

    monkeypatch.setenv("COINCAST_SERIES", str(SERIES))
    files: dict[str, bytes] = {}
    with serve_market(files) as site:

        def work(last: date, **overrides: object) -> dict[str, float]:
            candles = simulate_candles(seed=12, first=date(2023, 10, 1), last=last, price=20_000.0)
            files[file_name(SERIES)] = wire_format(candles, SERIES)
            now = f"{last + timedelta(days=1)}T00:20:00Z"
            asked = {"source": site.url, "recipe": "tiny-range", "refit_every": EVERY, **overrides}
            (outcome,) = daily(now=now, overrides=asked)
            assert (outcome.as_of, outcome.outcome) == (str(last), "published")
            return outcome.seconds

        yield work


def test_a_version_is_a_fit_and_forecasts_until_the_next(daily_run: DailyRun) -> None:
    missed, day = FIT_DAY + timedelta(days=1), timedelta(days=1)
    assert "train" in daily_run(missed - EVERY * day), "no version of that fit day: it is made, a day late"
    assert "train" in daily_run(missed)
    stands = daily_run(missed + day)
    assert "load" in stands
    assert not {"train", "evaluate", "judge", "register"} & stands.keys()
    stores = open_stores(configuration().places)
    rows = rows_of(stores, missed + day)
    assert set(rows["model_version"]) == {"2"}
    manifest = stores.ledger.manifest(rows["manifest_id"].iloc[0])
    assert manifest.trained_as_of == FIT_DAY
    (again,) = reproduce(
        SERIES, missed + day, model_id=MODEL, ledger=stores.ledger, snapshots=stores.snapshots
    )
    assert again.equal
    assert again.snapshots[0] != again.snapshots[1], "fitted on the file of its day, forecast from today's"

    # What a person has done to the champion since holds from the next day on.
    registered = RegisteredModel(stores.tracking, SERIES, lock=locks_of(configuration().places))
    assert rollback(registered).moved
    daily_run(missed + 2 * day)
    assert set(rows_of(stores, missed + 2 * day)["model_version"]) == {"1"}

    # Another seed is another fit.
    assert "train" in daily_run(missed + 3 * day, seed=8)
    assert len(registered.versions()) == 3


def rows_of(stores: Stores, as_of: date) -> pd.DataFrame:
    return stores.ledger.forecasts(SERIES, since=as_of, until=as_of, model_ids=[MODEL])
