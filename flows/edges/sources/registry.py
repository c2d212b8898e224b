"""Registry of sources, by the names that settings use."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from flows.edges.sources.binance_archive import BinanceArchive
from flows.edges.sources.crypto_data_download import CryptoDataDownload
from flows.edges.sources.source import Source
from pipeline.addresses.address import Address
from pipeline.series import Series
from pipeline.settings import Settings

DEFAULT: Final[Source] = CryptoDataDownload()
SOURCES: Final[dict[str, Source]] = {one.name: one for one in (DEFAULT, BinanceArchive())}

SIMULATED: Final = "A simulated market: no price here was ever paid, and nothing here is about a real one."
# Where a source lies unless the settings say otherwise; the default's is a setting of its own.
_USUAL: Final = {"binance-archive": Address("https://data.binance.vision")}


@dataclass(frozen=True, eq=False)
class Choice:
    """The sources that a run asks.

    Attributes:
        places: URL or folder of each source, the first before the others.
        order: Names of those that give the newest days, the first before the others.
        fills: Name of the one that fills holes; empty for none.
    """

    places: Mapping[Source, Address]
    order: tuple[str, ...]
    fills: str = ""

    @property
    def first(self) -> Address:
        """Where the first source lies."""
        return next(iter(self.places.values()))

    @property
    def is_single(self) -> bool:
        """Whether there is one source, whose file is used as it is."""
        return len(self.places) == 1


def chosen(settings: Settings, source: Address) -> Choice:
    """The sources that settings name.

    Args:
        settings: Names and addresses.
        source: Address of the default source.
    """
    given = {one.name: one.address for one in settings.sources}
    names = dict.fromkeys([*given, *filter(None, [settings.fill_holes_from])])
    addresses = {name: given.get(name) or _USUAL.get(name, source) for name in names}
    return Choice(
        {SOURCES[name]: address for name, address in addresses.items()},
        tuple(given),
        settings.fill_holes_from,
    )


def attribution(series: Series, sources: Collection[str] = ()) -> str:
    """Where a series' data come from, for the foot of its page.

    Args:
        series: Which.
        sources: Names of those whose candles are in use; none stands for the default.
    """
    if series.simulated:
        return SIMULATED
    return " ".join(SOURCES[name].attribution for name in sources) if sources else DEFAULT.attribution
