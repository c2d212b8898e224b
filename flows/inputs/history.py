"""The candles that a study of recipes works on: a file's, or a series' newest snapshot."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Final, Protocol

import pandas as pd

from flows.edges.configuration import Configuration
from flows.inputs.candle_file import read_file
from pipeline.candles import Reading, daily_grid, read_candles, resample_daily
from pipeline.candles.columns import CLOSE, DATE
from pipeline.errors import DateError, InputError
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.series import Series

_SAME_CLOSES: Final = 0.5


@dataclass(frozen=True, eq=False)
class History:
    """Daily candles and where they come from.

    Attributes:
        name: Slug of the series, or of the file where it tells no series.
        series: What they are; None where the file does not tell.
        origin: Path or URL of the bytes.
        sha256: Of the bytes, in hex.
        candles: Complete daily candles, oldest first.
        others: The other series of the pool that a pooled recipe learns from.
    """

    name: str
    series: Series | None
    origin: str
    sha256: str
    candles: pd.DataFrame
    others: tuple["History", ...] = ()

    @cached_property
    def grid(self) -> pd.DataFrame:
        """Every calendar day, holes filled causally and flagged."""
        return daily_grid(self.candles)

    @cached_property
    def features(self) -> FeatureGrid:
        """The grid with its features, built once, beside those of the pool up to its last day."""
        grids = {one.name: FeatureGrid.of(one.grid) for one in (self, *self.others)}
        return Pool.of(grids).until(self.as_of).grid(self.name)

    @property
    def pool(self) -> dict[str, str]:
        """sha256 of the other series by name; empty where there is none."""
        return {one.name: one.sha256 for one in self.others}

    @property
    def first(self) -> date:
        """Day of the first candle."""
        day: date = self.candles[DATE].iloc[0].date()
        return day

    @property
    def as_of(self) -> date:
        """Day of the last candle."""
        day: date = self.candles[DATE].iloc[-1].date()
        return day


def read_history(
    *, file: Path | None, series: Series | None, as_of: date | None, configuration: Configuration
) -> History:
    """Candles of `file`, or of the newest stored snapshot of `series`; hourly ones become daily.

    With both, the file is read as that series.

    Args:
        file: A candle file.
        series: What is meant.
        as_of: Later candles are left out; None keeps all.
        configuration: Where snapshots lie.

    Raises:
        InputError: Neither is given, the file is not there, or the series has no snapshot.
        CandleFileError: The bytes are no candle file.
        DateError: `as_of` is before the first or after the last candle.
    """
    if file is not None:
        data, origin = read_file(file, configuration.settings), str(file)
        sha256, reading = hashlib.sha256(data).hexdigest(), read_candles(data, series=series)
    elif series is not None:
        sha256, origin, reading = _newest(series, configuration)
    else:
        raise InputError("Say what to read: --file CANDLES.csv, or --series exchange/SYMBOL/1d.")
    told = reading.account.series
    candles = resample_daily(reading.candles) if told.timeframe == "1h" else reading.candles
    if as_of is not None:
        candles = _until(candles, as_of, origin)
    daily = Series(told.exchange, told.symbol) if told.exchange and told.symbol else None
    name = daily.slug if daily else _slug(Path(origin).stem)
    return History(name, daily, origin, sha256, candles)


class Source(Protocol):
    """The part of a request that says which candles are meant."""

    @property
    def file(self) -> str | None:
        """Candle file; None reads the series' newest snapshot."""

    @property
    def series(self) -> str | None:
        """What the candles are; None lets the file tell."""

    @property
    def as_of(self) -> date | None:
        """Later candles are left out."""


def history_of(source: Source, configuration: Configuration) -> History:
    """`read_history` for what a request says in text.

    Raises:
        InputError: As `read_history`, and for a series that is none.
    """
    return read_history(
        file=Path(source.file) if source.file else None,
        series=Series.parse(source.series) if source.series else None,
        as_of=source.as_of,
        configuration=configuration,
    )


def with_others(history: History, beside: Sequence[str], configuration: Configuration) -> History:
    """The history with the other series of its pool, each a candle file or a series' newest snapshot.

    Raises:
        InputError: As `read_history`, or a series is there twice, be it as two vintages of its file.
    """
    others = tuple(_other(text, configuration) for text in beside)
    names = [history.name, *(one.name for one in others)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{twice} is there twice; give each series of a pool once.")
    for one, other in combinations((history, *others), 2):
        if _is_one_market(one.candles, other.candles):
            raise InputError(
                f"{one.name} and {other.name} hold the same closes: two files of one series; give one of them."
            )
    return replace(history, others=others)


def _is_one_market(candles: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether most days that both have closed at the same price: a vendor restates some, two markets share few."""
    both = candles[[DATE, CLOSE]].merge(others[[DATE, CLOSE]], on=DATE)
    return bool(len(both)) and float((both[f"{CLOSE}_x"] == both[f"{CLOSE}_y"]).mean()) > _SAME_CLOSES


def _other(text: str, configuration: Configuration) -> History:
    file = Path(text) if Path(text).is_file() else None
    series = None if file else Series.parse(text)
    return read_history(file=file, series=series, as_of=None, configuration=configuration)


def _until(candles: pd.DataFrame, as_of: date, origin: str) -> pd.DataFrame:
    first, last = (candles[DATE].iloc[place].date() for place in (0, -1))
    if not first <= as_of <= last:
        raise DateError(f"{origin} has complete candles from {first} to {last}; --as-of {as_of} is outside.")
    return candles[candles[DATE] <= pd.Timestamp(as_of)].reset_index(drop=True)


def _newest(series: Series, configuration: Configuration) -> tuple[str, str, Reading]:
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.sql.database import open_database

    engine = open_database(configuration.places.database_url)
    try:
        store = SnapshotStore(engine, configuration.places.snapshots_url)
        snapshot = store.latest(series)
        if snapshot is None:
            raise InputError(
                f"{series} has no snapshot yet; run `coincast daily --series {series}` or give --file."
            )
        return snapshot.sha256, snapshot.url, store.reading(snapshot)
    finally:
        engine.dispose()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "file"
