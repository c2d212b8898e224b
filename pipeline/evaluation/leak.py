"""Does a forecast change with what came after its as_of? It must not, by a single bit."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles import daily_grid, read_candles
from pipeline.candles.columns import DATE, PRICES, TRADES, VOLUMES
from pipeline.errors import CandleFileError
from pipeline.features.day_axis import day_date
from pipeline.features.feature_grid import FeatureGrid, Pool
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.fitting import fit, issue
from pipeline.recipes.base import Recipe
from pipeline.series import Series

Forecaster = Callable[[pd.DataFrame, date], FloatArray]

_ISO_DAY: Final = re.compile(rb"\b(\d{4})-(\d{2})-(\d{2})\b")
_UNIX: Final = re.compile(rb"^\"?(\d{10})(\d{3})?(?:\.\d+)?\"?,")
_DAY_S: Final = 86_400


@dataclass(frozen=True)
class Leak:
    """A forecast that changed.

    Attributes:
        as_of: Its day.
        change: What was done to the rows after it: `garbage`, `absence` or `bytes`, and to which series where it is
            another one of the pool.
        largest: Largest relative change of a quantile; infinite where no forecast could be made.
    """

    as_of: date
    change: str
    largest: float


@dataclass(frozen=True)
class LeakReport:
    """What a leak check found.

    Attributes:
        days: The as_of days that were tried.
        comparisons: How many forecasts were compared with the one from all rows.
        leaks: Those that differ.
    """

    days: tuple[date, ...]
    comparisons: int
    leaks: tuple[Leak, ...]


def recipe_forecaster(
    recipe: Recipe,
    *,
    series: Series,
    seed: int,
    pool: Mapping[str, pd.DataFrame] | None = None,
    altered: str | None = None,
) -> Forecaster:
    """Fit `recipe` on candles up to as_of and issue its quantiles, array of shape (7, 23), in price.

    Args:
        recipe: Of kind `range`, `baseline` or their like.
        series: Whose forecast.
        seed: Of the fit.
        pool: Candles of the series that a pooled recipe learns from, by name; this one may be among them.
        altered: Whose candles the forecaster is given; None for those of `series`.
    """

    def forecast(candles: pd.DataFrame, as_of: date) -> FloatArray:
        tables = {**(pool or {}), altered or series.slug: candles}
        grids = {name: FeatureGrid.of(daily_grid(table)) for name, table in tables.items()}
        grid = Pool.of(grids).grid(series.slug)
        return issue(fit(recipe, grid, as_of=as_of, seed=seed), grid, series=series, as_of=as_of).quantiles

    return forecast


def check_leaks(
    forecaster: Forecaster,
    candles: pd.DataFrame,
    days: Sequence[date],
    *,
    seed: int,
    data: bytes | None = None,
) -> LeakReport:
    """Forecast each day from all candles, then with every later row replaced by garbage and by absence.

    Args:
        forecaster: Candles and as_of to quantiles in price.
        candles: A daily candle table that goes on after the days.
        days: As_of days.
        seed: Of the garbage.
        data: The file that the candles were read from: it is cut after as_of byte for byte and read again.
    """
    leaks, comparisons = [], 0
    for as_of in days:
        expected = forecaster(candles, as_of)
        for change, altered in _alterations(candles, as_of, seed=seed, data=data):
            comparisons += 1
            found = forecaster(altered, as_of)
            if found.tobytes() != expected.tobytes():
                with np.errstate(all="ignore"):
                    largest = float(np.max(np.abs(found / expected - 1)))
                leaks.append(Leak(as_of, change, largest))
    return LeakReport(tuple(days), comparisons, tuple(leaks))


def check_pool_leaks(
    recipe: Recipe,
    files: Mapping[str, tuple[pd.DataFrame, bytes]],
    days: Sequence[date],
    *,
    series: Series,
    seed: int,
) -> LeakReport:
    """`check_leaks` of one series' forecasts, with the later rows of each series of the pool altered in turn.

    Args:
        recipe: What is fitted.
        files: Candles and the bytes that they were read from, by name: of `series`, and of the others of its pool.
        days: As_of days; a series that begins after one is not altered for it.
        series: Whose forecasts.
        seed: Of the fits and of the garbage.
    """
    pool = {name: candles for name, (candles, _) in files.items()}
    comparisons, leaks = 0, list[Leak]()
    for name, (candles, data) in files.items():
        forecaster = recipe_forecaster(recipe, series=series, seed=seed, pool=pool, altered=name)
        begun = [day for day in days if candles[DATE].iloc[0] <= pd.Timestamp(day)]
        report = check_leaks(forecaster, candles, begun, seed=seed, data=data)
        where = "" if name == series.slug else f" in {name}"
        leaks += [replace(leak, change=leak.change + where) for leak in report.leaks]
        comparisons += report.comparisons
    return LeakReport(tuple(days), comparisons, tuple(leaks))


def days_to_check(candles: pd.DataFrame, *, count: int, fewest: int) -> tuple[date, ...]:
    """`count` days between the one with `fewest` candles up to it and a month before the last, evenly spread.

    Args:
        candles: A daily candle table.
        count: How many.
        fewest: Candles that a fit needs.
    """
    last = max(len(candles) - 31, fewest - 1)
    rows = np.unique(np.linspace(fewest - 1, last, count + 1).round().astype(int)[1:])
    return tuple(candles[DATE].iloc[row].date() for row in rows)


def cut_bytes(data: bytes, as_of: date) -> bytes:
    """The lines of a candle file that are not dated after `as_of`; lines without a date stay.

    Raises:
        CandleFileError: Most lines have neither an ISO day nor a Unix time, so nothing can be cut.
    """
    lines = data.splitlines(keepends=True)
    dated = [(line, _line_day(line)) for line in lines]
    if 2 * sum(day is not None for _, day in dated) < len(lines):
        raise CandleFileError(
            "The file's bytes cannot be cut at a day: its lines have neither YYYY-MM-DD nor a Unix time. "
            "Check the candles alone, or a file as the vendor serves it."
        )
    return b"".join(line for line, day in dated if day is None or day <= as_of)


def _alterations(
    candles: pd.DataFrame, as_of: date, *, seed: int, data: bytes | None
) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "garbage", _garbled(candles, as_of, seed=seed)
    yield "absence", candles[candles[DATE] <= pd.Timestamp(as_of)].reset_index(drop=True)
    if data is not None:
        noon_after = pd.Timestamp(as_of) + timedelta(days=1, hours=12)
        yield "bytes", read_candles(cut_bytes(data, as_of), fetched_at=noon_after.to_pydatetime()).candles


def _garbled(candles: pd.DataFrame, as_of: date, *, seed: int) -> pd.DataFrame:
    """Later rows with absurd but possible numbers, and some of them missing."""
    chance = np.random.default_rng(seed)
    garbled = candles.copy()
    later = (garbled[DATE] > pd.Timestamp(as_of)).to_numpy()
    count = int(later.sum())
    middle = np.exp(chance.uniform(-20, 20, count))
    low, high = middle * np.exp(-chance.uniform(0, 5, count)), middle * np.exp(chance.uniform(0, 5, count))
    for name, values in zip(PRICES, (low, high, low, high), strict=True):
        garbled.loc[later, name] = values
    for name in (*VOLUMES, TRADES):
        garbled.loc[later, name] = np.exp(chance.uniform(-20, 40, count))
    kept = ~later
    kept[later] = chance.random(count) < 0.8
    return garbled[kept].reset_index(drop=True)


def _line_day(line: bytes) -> date | None:
    found = _ISO_DAY.search(line)
    if found is not None:
        return date(*(int(part) for part in found.groups()))
    stamp = _UNIX.match(line)
    return day_date(int(stamp.group(1)) // _DAY_S) if stamp is not None else None
