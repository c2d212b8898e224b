"""What is forecast: exchange, symbol and timeframe."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pipeline.errors import UnknownSeriesError

SIMULATED: Final = "simulated"
STEPS: Final = {"1d": timedelta(days=1), "1h": timedelta(hours=1)}
# Longest first: USDT must win over USD, and BUSD over USD.
_QUOTES: Final = ("USDT", "USDC", "BUSD", "TUSD", "FDUSD", "USD", "EUR", "GBP", "JPY", "BTC", "ETH", "BNB")
_PATTERN: Final = re.compile(r"([A-Za-z][A-Za-z0-9]{0,29})/([A-Za-z0-9]{2,20})/(1d|1h)")


@dataclass(frozen=True, order=True)
class Series:
    """One market's candles.

    Attributes:
        exchange: Lower case, as `binance`.
        symbol: Upper case without a separator, as `BTCUSDT`.
        timeframe: `1d` or `1h`.

    Example:
        >>> Series.parse("binance/BTCUSDT/1d").slug
        'binance-btcusdt-1d'
    """

    exchange: str
    symbol: str
    timeframe: str = "1d"

    @classmethod
    def parse(cls, text: str) -> "Series":
        """Read `exchange/SYMBOL/timeframe`.

        Raises:
            UnknownSeriesError: The text has another form.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise UnknownSeriesError(
                f"A series is written exchange/SYMBOL/timeframe, as in binance/BTCUSDT/1d; got {text[:60]!r}."
            )
        exchange, symbol, timeframe = match.groups()
        return cls(exchange.lower(), symbol.upper(), timeframe)

    def __str__(self) -> str:
        return f"{self.exchange}/{self.symbol}/{self.timeframe}"

    @property
    def slug(self) -> str:
        """Lower-case name for files, experiments and artifact keys."""
        return f"{self.exchange}-{self.symbol}-{self.timeframe}".lower()

    @property
    def simulated(self) -> bool:
        """Whether the market is made up: its exchange says so."""
        return self.exchange == SIMULATED

    @property
    def step(self) -> timedelta:
        """Time from one candle to the next."""
        return STEPS[self.timeframe]

    @property
    def quote(self) -> str:
        """Currency that prices are in; empty where the symbol does not tell."""
        return next((q for q in _QUOTES if self.symbol.endswith(q) and self.symbol != q), "")

    @property
    def base(self) -> str:
        """What is traded; the whole symbol where it does not tell."""
        return self.symbol.removesuffix(self.quote) if self.quote else self.symbol
