"""A series' candles from several sources: a small document that names each file and the days taken from it.

The files stay as they were served. The document is what a run uses, so one sha256 stands for all of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from pipeline.candles import Account
from pipeline.candles.account import USABLE, USABLE_WITH_WARNINGS, Reading
from pipeline.candles.columns import DATE
from pipeline.candles.filling import describe_filling
from pipeline.candles.grid import missing_bars
from pipeline.errors import DamagedSnapshotError
from pipeline.series import Series

# How every document begins, as no candle file does.
DOCUMENT: Final = b'{"composed": '
_SCHEME: Final = "composed:"
_MISSING: Final = "Missing: "
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True)
class Part:
    """What is taken from one source's file.

    Attributes:
        source: Its name.
        sha256: Of the file.
        days: ISO dates, oldest first; empty for the base, which gives all that it has.
    """

    source: str
    sha256: str
    days: tuple[str, ...] = ()


@dataclass(frozen=True)
class Composition:
    """A base and the days that others add to it.

    Attributes:
        base: The first source that has the series.
        others: Those that complete it; no day is in two of them.
    """

    base: Part
    others: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The base, then the others."""
        return (self.base, *self.others)

    @property
    def url(self) -> str:
        """Stands in the index where a file's address does; it names the parts without the document."""
        return _SCHEME + ",".join(part.sha256 for part in self.parts)

    def as_bytes(self) -> bytes:
        """The document; equal compositions have equal bytes."""
        values = {"composed": 1, "base": vars(self.base), "from": [vars(one) for one in self.others]}
        return json.dumps(values).encode() + b"\n"

    @classmethod
    def read(cls, content: bytes) -> "Composition":
        """The composition that `as_bytes` wrote.

        Raises:
            DamagedSnapshotError: It is written otherwise.
        """
        try:
            values = json.loads(content)
            if values["composed"] != 1:
                raise ValueError(values["composed"])
            base, *others = (
                Part(one["source"], one["sha256"], tuple(one["days"]))
                for one in (values["base"], *values["from"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedSnapshotError(
                f"A composed snapshot of a newer coincast: {error!r:.80}. Update."
            ) from error
        return cls(base, tuple(others))


def part_names(url: str) -> tuple[str, ...]:
    """sha256 of a composed snapshot's parts; none where the snapshot is a file that was served."""
    return tuple(url.removeprefix(_SCHEME).split(",")) if url.startswith(_SCHEME) else ()


def part_series(series: Series, source: str) -> Series:
    """Under which looks at one of several sources are kept, as `binance@cdd/BTCUSDT/1d`."""
    return replace(series, exchange=f"{series.exchange}@{source}")


def compose(composition: Composition, readings: Sequence[Reading], series: Series) -> Reading:
    """The base's candles and those days of the others.

    Args:
        composition: What is taken from which.
        readings: Of its parts, in their order.
        series: Whose candles they are.
    """
    base, *others = readings
    tables = [base.candles]
    filled: dict[str, str] = {}
    for part, reading in zip(composition.others, others, strict=True):
        days = pd.DatetimeIndex(part.days)
        tables.append(reading.candles[reading.candles[DATE].isin(days)])
        filled |= dict.fromkeys(part.days, part.source)
    candles = pd.concat(tables, ignore_index=True).sort_values(DATE, ignore_index=True)
    return Reading(candles, _account(base.account, candles, series, composition.base.source, filled))


def _account(
    base: Account, candles: pd.DataFrame, series: Series, source: str, filled: Mapping[str, str]
) -> Account:
    bars = candles[DATE].to_numpy().astype("datetime64[us]").astype("int64")
    missing = tuple(str(day)[:10] for day in missing_bars(bars, _DAY_US).view("datetime64[us]"))
    told = [text for text in base.warnings if not text.startswith(_MISSING)]
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        told.append(f"{_MISSING}{len(missing)} candle{'s' * (len(missing) != 1)} ({shown}).")
    told += describe_filling(filled)
    return replace(
        base,
        series=series,
        rows_read=base.rows_read + len(filled),
        rows_kept=base.rows_kept + len(filled),
        first=str(candles[DATE].iloc[0].date()),
        last=str(candles[DATE].iloc[-1].date()),
        missing=missing,
        warnings=tuple(told),
        verdict=USABLE_WITH_WARNINGS if told else USABLE,
        source=source,
        filled_from=dict(sorted(filled.items())),
    )
