"""What became of every row of a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from pipeline.series import Series

# Why a row is no candle, in the words that people read.
BLANK: Final = "blank"
REPEATED_HEADER: Final = "repeated header"
UNPARSEABLE: Final = "unparseable"
NO_PRICE: Final = "no price"
ZERO_PRICE: Final = "zero price"
NEGATIVE_VALUE: Final = "negative value"
INFINITE_VALUE: Final = "infinite value"
CONTRADICTORY_PRICES: Final = "contradictory prices"
OTHER_SYMBOL: Final = "other symbol"
JUNK: Final = "junk"
OVERLAPPING_BAR: Final = "overlapping bar"
DUPLICATE: Final = "duplicate"
SUPERSEDED: Final = "superseded"
REPEATED_BAR: Final = "repeated bar"
IN_THE_FUTURE: Final = "in the future"
UNFINISHED: Final = "unfinished"
AFTER_AS_OF: Final = "after as_of"
FILE_REFUSED: Final = "file refused"

USABLE: Final = "usable"
USABLE_WITH_WARNINGS: Final = "usable with warnings"
REFUSED: Final = "refused"


@dataclass(frozen=True)
class Account:
    """Where every row of a file went, and what to know about those that were kept.

    `rows_read == rows_kept + sum(dropped.values())` always holds.

    Attributes:
        format: What the file is, as `CryptoDataDownload`.
        series: What its candles are of; exchange and symbol are empty where neither file nor caller tells them.
        rows_read: Lines besides banner and header.
        rows_kept: Candles.
        dropped: Reason → number of rows.
        first: ISO date of the oldest candle, with the hour for hourly candles; None if there is none.
        last: The same of the newest.
        missing: ISO dates (hours) without a candle between first and last.
        widened: ISO dates (hours) of candles whose open or close was a hair outside their range.
        warnings: Sentences.
        verdict: `usable`, `usable with warnings` or `refused`.
        source: Name of the source where candles of several could be used; empty otherwise.
        filled_from: ISO day → name of the source that gave it, of days that `source` lacks.
    """

    format: str
    series: Series
    rows_read: int
    rows_kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    first: str | None = None
    last: str | None = None
    missing: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    verdict: str = USABLE
    source: str = ""
    filled_from: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources whose candles these are, where several could be used."""
        return tuple(dict.fromkeys(filter(None, (self.source, *self.filled_from.values()))))

    @classmethod
    def of_refusal(cls, reason: str, *, rows_read: int = 0) -> "Account":
        """The account of a file that gave no candle."""
        return cls(
            format="unknown",
            series=Series("", "", ""),
            rows_read=rows_read,
            rows_kept=0,
            dropped={FILE_REFUSED: rows_read} if rows_read else {},
            warnings=(reason,),
            verdict=REFUSED,
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON values, keys in the order of the attributes."""
        told = {name: getattr(self.series, name) or None for name in ("exchange", "symbol", "timeframe")}
        return {
            "format": self.format,
            "series": told,
            "rows_read": self.rows_read,
            "rows_kept": self.rows_kept,
            "dropped": dict(self.dropped),
            "first": self.first,
            "last": self.last,
            "missing": list(self.missing),
            "widened": list(self.widened),
            "warnings": list(self.warnings),
            "verdict": self.verdict,
            **({"source": self.source, "filled_from": dict(self.filled_from)} if self.source else {}),
        }


@dataclass(frozen=True, eq=False)
class Reading:
    """What a file gave.

    Attributes:
        candles: A candle table (`pipeline.candles.columns`).
        account: What became of every row.
    """

    candles: pd.DataFrame
    account: Account
