from datetime import date

import pytest

from flows.command.demo import SERIES, _accept_own_market
from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.sources.crypto_data_download import file_name
from flows.edges.sql.database import open_database
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow


def test_a_demo_of_another_seed_is_not_suspect() -> None:
    series = Series.parse(SERIES)
    markets = [
        wire_format(
            simulate_candles(seed=seed, first=date(2025, 1, 1), last=date(2026, 3, 29), price=20_000.0),
            series,
        )
        for seed in (12, 7)
    ]
    seen = []
    places = configuration().places
    for content in (*markets, markets[0]):
        with serve_market({file_name(series): content}) as site:
            _accept_own_market(site.url)
        engine = open_database(places.database_url)
        store = SnapshotStore(engine, places.snapshots_url)
        newest = store.latest(series)
        assert newest is not None
        seen.append(store.read(newest))
        engine.dispose()
    assert seen == [*markets, markets[0]]
