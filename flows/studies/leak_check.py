"""A leak check of a recipe on candle files or on a simulated market."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import pandas as pd

from pipeline.candles import daily_grid, read_candles
from pipeline.errors import InputError
from pipeline.evaluation.holdout import require_days
from pipeline.evaluation.leak import LeakReport, check_pool_leaks, days_to_check
from pipeline.models.fitting import MINIMUM_DAYS
from pipeline.models.registry import require_range
from pipeline.recipes.base import Recipe
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

_SIMULATED: Final = (Series("simulated", "BTCUSDT"), Series("simulated", "ETHUSDT"))
_FIRST: Final = date(2022, 1, 1)
_LAST: Final = date(2024, 6, 30)


def check_recipe(recipe: Recipe, *, data: Sequence[bytes], count: int, seed: int) -> LeakReport:
    """Check the forecasts of `count` days.

    Args:
        recipe: Of kind `range` or `baseline`, or their like.
        data: Files of daily candles: the first is forecast, the others stand in its pool. None makes a simulated
            market, two for a pooled recipe, in the vendor's wire format.
        count: As_of days to try.
        seed: Of the fits and of the garbage.

    Raises:
        InputError: The recipe forecasts no range, or a series is there twice.
        CandleFileError: A file is none, or its bytes cannot be cut at a day.
        TooLittleHistoryError: The first file has too few candles.
    """
    require_range(recipe)
    contents = data or [_simulated_file(number) for number in range(2 if recipe.is_pooled else 1)]
    files: dict[str, tuple[pd.DataFrame, bytes]] = {}
    series = [_add(files, content) for content in contents]
    candles = files[series[0].slug][0]
    require_days(daily_grid(candles))
    days = days_to_check(candles, count=count, fewest=MINIMUM_DAYS)
    return check_pool_leaks(recipe, files, days, series=series[0], seed=seed)


def _add(files: dict[str, tuple[pd.DataFrame, bytes]], data: bytes) -> Series:
    """Read a file into `files`; which series it is, or the next simulated one's name where it does not tell."""
    reading = read_candles(data)
    told, usual = reading.account.series, _SIMULATED[0]
    series = Series(told.exchange or usual.exchange, told.symbol or usual.symbol)
    if series.slug in files:
        raise InputError(f"Two files are of {series}; give each series once.")
    files[series.slug] = reading.candles, data
    return series


def _simulated_file(number: int) -> bytes:
    candles = simulate_candles(seed=5 + number, first=_FIRST, last=_LAST, price=20_000.0)
    return wire_format(candles, _SIMULATED[number])
