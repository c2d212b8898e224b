"""A source by its name, or by name and address, as settings write it: `binance-archive=https://mirror.example`."""

from typing import Final

from pipeline.addresses.address import Address

# Their readers are in flows/edges/sources/registry.py.
DEFAULT_SOURCE: Final = "cdd"
SOURCE_NAMES: Final = (DEFAULT_SOURCE, "binance-archive")


class NamedAddress(Address):
    """Its text is the name, and after `=` the public form of the address where one is given.

    Example:
        >>> f"{NamedAddress('binance-archive=https://mia:pass@host/archive')}"
        'binance-archive=https://host/archive'
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Of the source."""
        return self._text.partition("=")[0].strip()

    @property
    def address(self) -> Address:
        """Where it lies; empty for its usual place."""
        return Address(self._text.partition("=")[2].strip())

    @property
    def holds_secret(self) -> bool:
        """Whether a credential stands in the address."""
        return self.address.holds_secret

    def __str__(self) -> str:
        return f"{self.name}={self.address}" if self.address else self.name
