"""The daily job over two sources: what the first lacks the second gives, and every way out says so."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sources.registry import SOURCES
from flows.inputs.market import read_market
from flows.inputs.request import plan_jobs
from flows.inputs.stores import open_stores
from flows.publishing.alarms import series_alarms
from flows.publishing.reproduction import reproduce
from pipeline.candles.columns import DATE
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format
from tests.flows.edges.sources.archive_site import archive_files

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

BTC = Series.parse("binance/BTCUSDT/1d")
# A look at a source is made by the clock: the archive has the days up to yesterday.
LAST = datetime.now(UTC).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=910)
HOLE = [pd.Timestamp(LAST - timedelta(days=back)) for back in (80, 79, 78)]
OTHER = pd.Timestamp(LAST - timedelta(days=9))
CANDLES = simulate_candles(seed=12, first=FIRST, last=LAST, price=20_000.0)


def test_a_day_that_the_first_lacks_is_published_from_the_second_saying_so(own_state: Path) -> None:
    from prefect import flow

    from flows.day.run import run_series
    from flows.day.waiting import Waiting

    late = CANDLES[(CANDLES[DATE] < pd.Timestamp(LAST)) & ~CANDLES[DATE].isin(HOLE)]
    differing = CANDLES.copy()
    differing.loc[differing[DATE] == OTHER, "close"] *= 1.02
    files = {
        file_name(BTC): wire_format(late, BTC),
        **archive_files(differing, BTC, today=LAST + timedelta(days=1)),
    }
    with serve_market(files) as site:
        current = configuration(
            {
                "source": site.url,
                "sources": ["cdd", f"binance-archive={site.url}"],
                "fill_holes_from": "binance-archive",
                "recipe": "tiny-range",
            }
        )
        [job] = plan_jobs(current, [BTC], as_of=None, now=None)
        stores = open_stores(current.places)
        done = flow(name="daily_run")(lambda: run_series([job], stores, Waiting()))()
    assert done.failures == {}
    [outcome] = done.outcomes
    assert outcome.as_of == LAST.isoformat()
    days = [*(day.date().isoformat() for day in HOLE), LAST.isoformat()]

    folder = Path(str(current.places.publish_url))
    entry = json.loads((folder / "latest.json").read_text())["series"][BTC.slug]
    assert entry["data"]["filled_from"] == {"binance-archive": days}
    assert all(SOURCES[name].attribution in entry["attribution"] for name in ("cdd", "binance-archive"))
    page = (folder / entry["page"]).read_text()
    assert "From binance-archive, as the first source lacks them: 4 candles" in page
    assert any("binance-archive" in text and LAST.isoformat() in text for text in outcome.warnings)

    rows = stores.ledger.forecasts(BTC, since=LAST, until=LAST)
    assert {json.dumps(stores.ledger.manifest(name).filled_from) for name in rows["manifest_id"]} == {
        json.dumps({"binance-archive": days})
    }
    alarms = series_alarms(stores.ledger, stores.snapshots, BTC, settings=current.settings, now=job.now)
    [told] = [one.message for one in alarms if one.kind == "sources-differ"]
    used, other = (table.set_index(DATE)["close"][OTHER] for table in (CANDLES, differing))
    assert str(OTHER.date()) in told
    assert f"{used:.6g}"[:5] in told
    assert f"{other:.6g}"[:5] in told

    [again] = reproduce(BTC, LAST, model_id=None, ledger=stores.ledger, snapshots=stores.snapshots)
    assert again.equal
    snapshot = stores.snapshots.latest(BTC)
    assert snapshot is not None
    assert read_market(job, stores.snapshots, snapshot).vintage == "known"
    before = snapshot.fetched_at - timedelta(seconds=1)
    assert stores.snapshots.latest(BTC, known_at=before) is None
