from datetime import date

import pytest

from flows.command.demo import SERIES, _accept_own_market, _say_how_to_look
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


def test_the_page_is_opened_or_told_how(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def browser(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", browser)
    page, address = "/srv/my site/index.html", "file:///srv/my%20site/index.html"
    _say_how_to_look(page, opens=True, told=True)
    assert opened == [address]
    assert f"{page} (opened)" in capsys.readouterr().out
    _say_how_to_look(page, opens=False, told=True)
    assert opened == [address]
    assert f"-m webbrowser -t {address}" in capsys.readouterr().out
