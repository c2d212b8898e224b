import pytest

from flows.edges.sources.registry import DEFAULT, SIMULATED, SOURCES, attribution
from flows.edges.sources.source import Source
from pipeline.series import Series


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda one: one.name)
def test_a_source_is_found_by_its_name_and_says_where_candles_come_from(source: Source) -> None:
    assert SOURCES[source.name] is source
    assert source.attribution.endswith(".")


def test_a_page_names_the_source_unless_its_market_is_made_up() -> None:
    assert attribution(Series.parse("binance/BTCUSDT/1d")) == DEFAULT.attribution
    assert attribution(Series.parse("simulated/BTCUSDT/1d")) == SIMULATED


def test_a_page_names_every_source_in_use() -> None:
    told = attribution(Series.parse("binance/BTCUSDT/1d"), ("cdd", "binance-archive"))
    assert told == f"{SOURCES['cdd'].attribution} {SOURCES['binance-archive'].attribution}"
