"""A simulated market: candles with a real market's habits, and the vendor's wire format for them.

Log-volatility is the sum of a slow and a quick autoregression with a leverage effect (the two-component form of
Alizadeh, Brandt and Diebold, 2002), a weekday pattern and a Student-t scale drawn once a day. Inside the day the
log price walks in five-minute steps, so that open, high, low and close belong to one path.
"""

from datetime import date
from itertools import accumulate
from typing import Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import (
    CANDLE_COLUMNS,
    CLOSE,
    DATE,
    HIGH,
    LOW,
    OPEN,
    TRADES,
    VOLUME_BASE,
    VOLUME_QUOTE,
)
from pipeline.errors import DateError, InputError, UnknownSeriesError
from pipeline.forecasts.quantiles import FloatArray
from pipeline.series import Series

STEPS_A_DAY: Final = 288
BANNER: Final = "https://www.CryptoDataDownload.com"

_DAILY_VOLATILITY: Final = 0.027
_DRIFT: Final = 0.0001
# Persistence and standard deviation of each part of log-volatility; set so that the log range of a simulated
# market is spread and autocorrelated as that of large coins is (about 0.6, and 0.5 at one day).
_SLOW: Final = (0.985, 0.30)
_QUICK: Final = (0.80, 0.30)
_LEVERAGE: Final = -0.15
_DEGREES_OF_FREEDOM: Final = 8.0
_WEEKDAYS: Final = np.array([0.10, 0.06, 0.10, 0.08, 0.06, -0.40, -0.24])
_DAILY_TURNOVER: Final = 5e8
_TRADE_SIZE: Final = 350.0
_SIGNIFICANT_DIGITS: Final = 7


def simulate_candles(*, seed: int, first: date, last: date, price: float) -> pd.DataFrame:
    """Complete daily candles of a simulated market.

    The same seed, first day and price give the same market: a later `last` only adds days.

    Args:
        seed: Seed of all chance.
        first: First day.
        last: Last complete day.
        price: Open of the first day, in quote currency; prices keep seven of its significant digits.

    Returns:
        Candle table (columns as `CANDLE_COLUMNS`), a row for every calendar day.

    Raises:
        DateError: `last` is before `first`.
        InputError: `price` is not a positive number.
    """
    return _candles(seed, first, last, price, STEPS_A_DAY)


def simulate_unfinished(*, seed: int, first: date, day: date, price: float, elapsed: float) -> pd.DataFrame:
    """The candle of `day` as it stands when part of the day has passed.

    Args:
        seed: As in `simulate_candles`; the two agree.
        first: First day of the market.
        day: The unfinished day.
        price: Open of the first day, in quote currency.
        elapsed: Part of the day that has passed, above 0 and at most 1.

    Returns:
        Candle table of one row.

    Raises:
        DateError: `day` is before `first`.
        InputError: `price` or `elapsed` is out of range.
    """
    if not 0 < elapsed <= 1:
        raise InputError(f"The elapsed part of a day is above 0 and at most 1; got {elapsed}.")
    steps = max(1, round(elapsed * STEPS_A_DAY))
    return _candles(seed, first, day, price, steps).tail(1).reset_index(drop=True)


def wire_format(candles: pd.DataFrame, series: Series, *, unfinished: pd.DataFrame | None = None) -> bytes:
    """CryptoDataDownload's present daily file: banner line, its header, milliseconds, newest row first.

    Args:
        candles: Candle table, oldest first.
        series: Names the market; `1d`.
        unfinished: One-row candle table of the day in progress, which the vendor serves too.

    Raises:
        UnknownSeriesError: The series is not daily.
    """
    if series.timeframe != "1d":
        raise UnknownSeriesError(f"The simulated market has daily candles; got {series}: end it with /1d.")
    rows = candles if unfinished is None else pd.concat([candles, unfinished], ignore_index=True)
    rows = rows.iloc[::-1]
    table = pd.DataFrame(
        {
            "Unix": rows[DATE].astype("datetime64[ms]").astype("int64"),
            "Date": rows[DATE].dt.strftime("%Y-%m-%d"),
            "Symbol": series.symbol,
            **{name.capitalize(): rows[name] for name in (OPEN, HIGH, LOW, CLOSE)},
            f"Volume {series.base}": rows[VOLUME_BASE],
            f"Volume {series.quote or 'USD'}": rows[VOLUME_QUOTE],
            "tradecount": rows[TRADES].astype("Int64"),
        }
    )
    lines = table.to_csv(index=False, lineterminator="\n", na_rep="NULL")
    return f"{BANNER}\n{lines}".encode()


def _candles(seed: int, first: date, last: date, price: float, last_steps: int) -> pd.DataFrame:
    """Candles from `first` to `last`, the last of them after `last_steps` of its steps."""
    if last < first:
        raise DateError(f"A market cannot end before it begins; got {first} to {last}.")
    if not (np.isfinite(price) and price > 0):
        raise InputError(f"A first price is a positive number; got {price}.")
    days = pd.date_range(first, last, freq="D", unit="us")
    # One stream for each kind of chance: a longer market then draws the same numbers for its first days.
    steps, slow, quick, tail, activity, size = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(6)
    )
    noise = steps.standard_normal((len(days), STEPS_A_DAY))
    returns = noise * _day_shape() * _volatility(days, noise, slow, quick, tail)[:, None]
    path = np.log(price) + np.cumsum((returns + _DRIFT / STEPS_A_DAY).ravel()).reshape(returns.shape)
    turnover = _turnover(returns, _autoregression(activity, len(days), 0.9, 0.25))
    trade_size = _TRADE_SIZE * np.exp(0.15 * size.standard_normal(len(days)))
    # NaN steps of the last day are those that have not happened yet.
    path[-1, last_steps:] = np.nan
    turnover[-1, last_steps:] = np.nan
    return _table(days, price, path, turnover, trade_size)


def _volatility(
    days: pd.DatetimeIndex,
    noise: FloatArray,
    slow: np.random.Generator,
    quick: np.random.Generator,
    tail: np.random.Generator,
) -> FloatArray:
    """Standard deviation of each day's log return, array of shape (n_days,)."""
    number = len(days)
    yesterday = np.concatenate([[0.0], (noise * _day_shape()).sum(axis=1)[:-1]])
    log_volatility = (
        _autoregression(slow, number, *_SLOW)
        + _autoregression(quick, number, *_QUICK, driver=yesterday)
        + _WEEKDAYS[days.day_of_week]
    )
    student = np.sqrt((_DEGREES_OF_FREEDOM - 2) / tail.chisquare(_DEGREES_OF_FREEDOM, number))
    return np.asarray(_DAILY_VOLATILITY * student * np.exp(log_volatility), dtype=np.float64)


def _autoregression(
    chance: np.random.Generator,
    number: int,
    persistence: float,
    deviation: float,
    *,
    driver: FloatArray | None = None,
) -> FloatArray:
    """Stationary first-order autoregression; `driver` shares its shocks by the leverage correlation."""
    shocks = chance.standard_normal(number)
    if driver is not None:
        shocks = _LEVERAGE * driver + np.sqrt(1 - _LEVERAGE**2) * shocks
    shocks = shocks * deviation * np.sqrt(1 - persistence**2)
    # The first value comes from the stationary law, so that no day is quiet for being early.
    shocks[0] /= np.sqrt(1 - persistence**2)
    return np.array(list(accumulate(shocks, lambda before, shock: persistence * before + shock)))


def _day_shape() -> FloatArray:
    """Share of the day's standard deviation in each step, squares summing to 1: busiest at 15:00 UTC."""
    hours = (np.arange(STEPS_A_DAY) + 0.5) * 24 / STEPS_A_DAY
    shape = 1 + 0.35 * np.cos((hours - 15) * 2 * np.pi / 24)
    return np.asarray(shape / np.sqrt((shape**2).sum()), dtype=np.float64)


def _turnover(returns: FloatArray, activity: FloatArray) -> FloatArray:
    """Quote currency traded in each step, array of shape (n_days, STEPS_A_DAY): more where prices move."""
    moved = np.abs(returns)
    realised = np.sqrt((returns**2).sum(axis=1))
    daily = _DAILY_TURNOVER * (realised / _DAILY_VOLATILITY) ** 0.9 * np.exp(activity)
    weight = moved + 0.5 * moved.mean(axis=1, keepdims=True)
    return np.asarray(daily[:, None] * weight / weight.sum(axis=1, keepdims=True), dtype=np.float64)


def _table(
    days: pd.DatetimeIndex, price: float, path: FloatArray, turnover: FloatArray, trade_size: FloatArray
) -> pd.DataFrame:
    """Candles of a log-price path; steps that have not happened are NaN at the end of the last day."""
    decimals = int(max(0, _SIGNIFICANT_DIGITS - 1 - np.floor(np.log10(price))))
    prices = np.exp(path)
    close = prices[:, -1].copy()
    close[-1] = prices[-1, np.count_nonzero(~np.isnan(prices[-1])) - 1]
    opens = np.concatenate([[price], close[:-1]])
    columns = {
        OPEN: opens,
        HIGH: np.maximum(opens, np.nanmax(prices, axis=1)),
        LOW: np.minimum(opens, np.nanmin(prices, axis=1)),
        CLOSE: close,
    }
    table = {DATE: days} | {
        # A price that has fallen below its smallest step trades at that step, never at zero.
        name: np.maximum(np.round(values, decimals), 10.0**-decimals)
        for name, values in columns.items()
    }
    table[VOLUME_BASE] = np.round(np.nansum(turnover / prices, axis=1), 5)
    table[VOLUME_QUOTE] = np.round(np.nansum(turnover, axis=1), 4)
    table[TRADES] = np.ceil(np.nansum(turnover, axis=1) / trade_size)
    return pd.DataFrame(table)[list(CANDLE_COLUMNS)]
