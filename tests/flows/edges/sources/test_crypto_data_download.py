from pathlib import Path

import pytest

from flows.edges.sources.base import base_of
from flows.edges.sources.crypto_data_download import CryptoDataDownload, file_name
from pipeline.series import Series

BTC = Series.parse("binance/BTCUSDT/1d")


def test_a_file_has_the_vendors_name() -> None:
    assert file_name(BTC) == "Binance_BTCUSDT_d.csv"
    assert file_name(Series.parse("kraken/XRPUSD/1h")) == "Kraken_XRPUSD_1h.csv"


@pytest.mark.parametrize("base", ["https://host/cdd", "https://host/cdd/"])
def test_a_file_lies_below_its_url(base: str) -> None:
    place = CryptoDataDownload().place(BTC, base_of(base))
    assert str(place) == "https://host/cdd/Binance_BTCUSDT_d.csv"


def test_a_url_keeps_its_query_and_hides_it() -> None:
    place = CryptoDataDownload().place(BTC, base_of("https://me:word@host/cdd?key=secret"))
    assert not {"secret", "word"} & set(str(place).replace("@", "/").replace("=", "/").split("/"))


def test_a_file_lies_in_its_folder(tmp_path: Path) -> None:
    assert CryptoDataDownload().place(BTC, base_of(str(tmp_path))) == tmp_path / "Binance_BTCUSDT_d.csv"
