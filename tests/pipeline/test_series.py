import pytest

from pipeline.errors import UnknownSeriesError
from pipeline.series import Series


def test_a_series_knows_its_names() -> None:
    series = Series.parse("Binance/btcusdt/1d")
    assert str(series) == "binance/BTCUSDT/1d"
    assert series.slug == "binance-btcusdt-1d"


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [("BTCUSDT", "BTC", "USDT"), ("BTCUSD", "BTC", "USD"), ("ETCBTC", "ETC", "BTC"), ("XYZ", "XYZ", "")],
)
def test_base_and_quote(symbol: str, base: str, quote: str) -> None:
    series = Series("binance", symbol)
    assert (series.base, series.quote) == (base, quote)


@pytest.mark.parametrize(
    "text", ["", "BTCUSDT", "binance/BTCUSDT", "binance/BTCUSDT/2d", "../../etc/passwd/1d"]
)
def test_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UnknownSeriesError, match=r"binance/BTCUSDT/1d"):
        Series.parse(text)
