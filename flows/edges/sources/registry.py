"""Registry of sources, by the names that settings use."""

from typing import Final

from flows.edges.sources.crypto_data_download import CryptoDataDownload
from flows.edges.sources.source import Source
from pipeline.series import Series

DEFAULT: Final[Source] = CryptoDataDownload()
SOURCES: Final[dict[str, Source]] = {one.name: one for one in (DEFAULT,)}

SIMULATED: Final = "A simulated market: no price here was ever paid, and nothing here is about a real one."


def attribution(series: Series) -> str:
    """Where a series' data come from, for the foot of its page."""
    return SIMULATED if series.simulated else DEFAULT.attribution
