"""CryptoDataDownload: one CSV file a series, with its whole history, newest day first."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from flows.edges.http.http_file import Answer
from flows.edges.sources.base import below
from flows.edges.sources.source import Look, fetch_whole
from pipeline.addresses.address import Address
from pipeline.series import Series

_SUFFIXES: Final = {"1d": "d", "1h": "1h"}


@dataclass(frozen=True)
class CryptoDataDownload:
    """The vendor's site, or a folder of its files."""

    name: str = "cdd"
    attribution: str = (
        "Candles: CryptoDataDownload (www.cryptodatadownload.com), used under its terms of use; its files are not "
        "redistributed here."
    )

    def place(self, series: Series, base: Address | Path) -> Address | Path:
        """The series' file."""
        return below(base, file_name(series))

    def fetch(self, look: Look, into: BinaryIO) -> Answer:
        """The file as it is."""
        return fetch_whole(look, into)


def file_name(series: Series) -> str:
    """As `Binance_BTCUSDT_d.csv`."""
    return f"{series.exchange.capitalize()}_{series.symbol}_{_SUFFIXES[series.timeframe]}.csv"
