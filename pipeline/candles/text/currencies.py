"""Which word after `Volume` is a currency, and which of two is the quote: `Volume MA` is an average."""

from collections.abc import Sequence
from typing import Final

# The farther left, the more likely prices are in it.
_MONEY: Final = (
    *("USD", "EUR", "GBP", "JPY", "KRW", "TRY", "AUD", "CAD", "CHF", "BRL"),
    *("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "DAI", "PAX", "USDP"),
)
_QUOTES: Final = (*_MONEY, "BTC", "XBT", "ETH", "BNB")
# Bases that files without a symbol column are met with; the symbol tells any other.
_BASES: Final = (
    *(
        "ADA",
        "ALGO",
        "ATOM",
        "AVAX",
        "BCC",
        "BCH",
        "BSV",
        "BTG",
        "BTT",
        "DASH",
        "DOGE",
        "DOT",
        "EOS",
        "ETC",
        "FIL",
    ),
    *(
        "ICX",
        "IOTA",
        "LINK",
        "LTC",
        "LUNA",
        "MATIC",
        "NEO",
        "OMG",
        "ONT",
        "QTUM",
        "SHIB",
        "SOL",
        "TRX",
        "UNI",
        "VET",
    ),
    *("XEM", "XLM", "XMR", "XRP", "XTZ", "ZEC", "ZRX"),
)
_KNOWN: Final = frozenset([*_QUOTES, *_BASES])


def is_currency(word: str, symbol: str, words: Sequence[str]) -> bool:
    """Whether a list of currencies or the market's symbol says so.

    Args:
        word: As written after `Volume`.
        symbol: As `BTC/USDT`; empty where it is not known.
        words: All that are written after a `Volume` of the header.
    """
    name, market = word.upper(), "".join(letter for letter in symbol if letter.isalnum()).upper()
    # The other side of the market must be one too: `Volume MA` in a file of MATICUSDT is no currency.
    sides_left = {market.removeprefix(name), market.removesuffix(name)} - {market}
    return name in _KNOWN or bool(sides_left & {*_KNOWN, *(other.upper() for other in words)})


def sides(names: Sequence[str]) -> tuple[int, ...]:
    """0 for base and 1 for quote, of at most two currencies in the order of their columns.

    Example:
        >>> sides(["USD", "BTC"]), sides(["SHIB", "USDT"]), sides(["USDT"]), sides(["BTC"])
        ((1, 0), (0, 1), (1,), (0,))
    """
    if len(names) < 2:
        return tuple(int(name in _MONEY) for name in names)
    ranks = [_QUOTES.index(name) if name in _QUOTES else len(_QUOTES) for name in names]
    return (1, 0) if ranks[0] < ranks[1] else (0, 1)
