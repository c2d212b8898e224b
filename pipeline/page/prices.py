"""Prices and names as a reader expects them."""

from math import floor, log10
from typing import Final

from pipeline.series import Series

_NAMES: Final = {
    "AAVE": "Aave",
    "ADA": "Cardano",
    "ALGO": "Algorand",
    "ATOM": "Cosmos",
    "AVAX": "Avalanche",
    "BCH": "Bitcoin Cash",
    "BNB": "BNB",
    "BTC": "Bitcoin",
    "DASH": "Dash",
    "DOGE": "Dogecoin",
    "DOT": "Polkadot",
    "EOS": "EOS",
    "ETC": "Ethereum Classic",
    "ETH": "Ether",
    "FIL": "Filecoin",
    "LINK": "Chainlink",
    "LTC": "Litecoin",
    "MATIC": "Polygon",
    "NEO": "NEO",
    "QTUM": "Qtum",
    "SHIB": "Shiba Inu",
    "SOL": "Solana",
    "TRX": "Tron",
    "UNI": "Uniswap",
    "XBT": "Bitcoin",
    "XLM": "Stellar",
    "XMR": "Monero",
    "XRP": "XRP",
    "ZEC": "Zcash",
}


def coin_name(series: Series) -> str:
    """Common name of what is traded, or its symbol: `Bitcoin`, `PEPE`."""
    return _NAMES.get(series.base, series.base)


def market_name(series: Series) -> str:
    """The pair and its exchange: `BTC/USDT on Binance`."""
    pair = f"{series.base}/{series.quote}" if series.quote else series.symbol
    return f"{pair} on {series.exchange.capitalize()}"


def rounding_step(lower: float, upper: float) -> float:
    """A power of ten that tells the ends of a range apart: a tenth of the leading digit of its width.

    A range without width is rounded to four significant digits.

    Example:
        >>> rounding_step(64123.4, 69187.2), rounding_step(0.00001234, 0.00001301)
        (100.0, 1e-08)
    """
    width = abs(upper - lower)
    if width < 1e-6 * max(abs(upper), abs(lower)):
        return float(10.0 ** (floor(log10(abs(upper))) - 3)) if upper else 1.0
    return float(10.0 ** (floor(log10(width)) - 1))


def decimals(step: float) -> int:
    """Digits after the point that a rounding step needs.

    Example:
        >>> decimals(100.0), decimals(0.01)
        (0, 2)
    """
    return max(0, -round(log10(step)))


def format_price(value: float, step: float) -> str:
    """A price rounded to a power of ten, with thousands separators.

    Example:
        >>> format_price(64123.4, 100.0), format_price(0.0000123449, 1e-8)
        ('64,100', '0.00001234')
    """
    return f"{round(value / step) * step:,.{decimals(step)}f}"
