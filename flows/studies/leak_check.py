"""A leak check of a recipe on a candle file or on a simulated market."""

from datetime import date
from typing import Final

from pipeline.candles import daily_grid, read_candles
from pipeline.evaluation.holdout import require_days
from pipeline.evaluation.leak import LeakReport, check_leaks, days_to_check, recipe_forecaster
from pipeline.models.fitting import MINIMUM_DAYS
from pipeline.models.registry import require_range
from pipeline.recipes.base import Recipe
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

_SIMULATED: Final = Series("simulated", "BTCUSDT")
_FIRST: Final = date(2022, 1, 1)
_LAST: Final = date(2024, 6, 30)


def check_recipe(recipe: Recipe, *, data: bytes | None, count: int, seed: int) -> LeakReport:
    """Check the forecasts of `count` days.

    Args:
        recipe: Of kind `range` or `baseline`.
        data: A file of daily candles; None makes a simulated market, in the vendor's wire format.
        count: As_of days to try.
        seed: Of the fits and of the garbage.

    Raises:
        InputError: The recipe forecasts no range.
        CandleFileError: The file is none, or its bytes cannot be cut at a day.
        TooLittleHistoryError: The file has too few candles.
    """
    require_range(recipe)
    data = _simulated_file() if data is None else data
    reading = read_candles(data)
    candles = reading.candles
    require_days(daily_grid(candles))
    told = reading.account.series
    series = Series(told.exchange or _SIMULATED.exchange, told.symbol or _SIMULATED.symbol)
    days = days_to_check(candles, count=count, fewest=MINIMUM_DAYS)
    forecaster = recipe_forecaster(recipe, series=series, seed=seed)
    return check_leaks(forecaster, candles, days, seed=seed, data=data)


def _simulated_file() -> bytes:
    candles = simulate_candles(seed=5, first=_FIRST, last=_LAST, price=20_000.0)
    return wire_format(candles, _SIMULATED)
