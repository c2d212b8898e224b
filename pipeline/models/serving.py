"""A forecast for candles that somebody posts: the ledger's numbers, or a sentence that says what is missing."""

import re
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import CANDLE_COLUMNS, CLOSE, DATE, HIGH, LOW, OPEN, PRICES, VOLUME_BASE
from pipeline.candles.grid import daily_grid
from pipeline.errors import CandleFileError, TooLittleHistoryError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.models.fitting import MINIMUM_DAYS, Model, issue
from pipeline.series import Series

# Beside the bundle: whose candles the model takes, and which days their source lacked.
FACTS_FILE: Final = "served.json"
VOLUME: Final = "volume"
INPUT_COLUMNS: Final = (DATE, *PRICES, VOLUME)
QUANTILE_COLUMNS: Final = tuple(f"q{level:g}" for level in LEVELS)
OUTPUT_COLUMNS: Final = (DATE, "horizon", "median", *QUANTILE_COLUMNS)
_MOST_NAMED: Final = 5
_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]00:00(?::00(?:\.0{1,9})?)?(?:Z|[+-]00:?00)?)?")


def serve(model: Model, rows: pd.DataFrame, *, series: Series, missing: Collection[date]) -> pd.DataFrame:
    """The forecast made after the newest of `rows`.

    Only the newest days are read that the forecast depends on: 400, and with a fit that is older than some days
    those that calibrate it (`Model.days_read`).

    Args:
        model: A fitted model.
        rows: Daily candles in any order with the columns date (ISO day), open, high, low, close and volume
            (in base currency).
        series: Whose candles they are.
        missing: Days that the source itself lacked when the model was fitted. They may be absent; they are
            filled as the daily job fills them.

    Returns:
        A row a horizon: date of the target (ISO), horizon, median, and the 23 quantiles `q0.01` … `q0.99`, in
        quote currency.

    Raises:
        CandleFileError: A day is unreadable, doubled, absent, has a value that is no price, or prices that contradict
            each other.
        TooLittleHistoryError: There are fewer days than that.
    """
    ordered = _with_days(rows)
    days = model.days_read(ordered[DATE].iloc[-1].date())
    newest = _newest_days(ordered, days)
    _refuse_holes(newest, missing, days)
    _refuse_values(newest)
    candles = newest.rename(columns={VOLUME: VOLUME_BASE}).reindex(columns=list(CANDLE_COLUMNS))
    as_of = candles[DATE].iloc[-1].date()
    forecast = issue(model, FeatureGrid.of(daily_grid(candles)), series=series, as_of=as_of)
    targets = {
        DATE: [forecast.target_date(horizon).isoformat() for horizon in HORIZONS],
        "horizon": np.array(HORIZONS, dtype=np.int64),
        "median": forecast.median,
    }
    return pd.DataFrame(targets | dict(zip(QUANTILE_COLUMNS, forecast.quantiles.T, strict=True)))


def _with_days(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows oldest first, with days for dates."""
    if rows.empty:
        raise TooLittleHistoryError(f"{MINIMUM_DAYS} daily candles are needed; none was sent.")
    days = [_day(value) for value in rows[DATE]]
    if None in days:
        raise CandleFileError(
            "A date is written YYYY-MM-DD, as 2026-03-29, or is a midnight UTC;"
            f" got {str(rows[DATE].iloc[days.index(None)])[:40]!r}."
        )
    ordered = rows.assign(date=np.array(days, dtype="datetime64[us]")).sort_values(DATE, ignore_index=True)
    doubled = ordered[DATE][ordered[DATE].duplicated()]
    if len(doubled):
        raise CandleFileError(f"Each day is sent once; {doubled.iloc[0].date()} is there twice.")
    return ordered


def _day(value: Any) -> date | None:
    """The day of a text, date or instant; None for what is no day, however much pandas makes of it."""
    if isinstance(value, str):
        match = _DAY.fullmatch(value)
        try:
            return date.fromisoformat(match[1]) if match else None
        except ValueError:
            return None
    if value is pd.NaT or not isinstance(value, date):
        return None
    instant = pd.Timestamp(value)
    is_midnight = instant == instant.normalize() and instant.utcoffset() in (None, timedelta(0))
    return instant.date() if is_midnight else None


def _newest_days(rows: pd.DataFrame, days: int) -> pd.DataFrame:
    last = rows[DATE].iloc[-1]
    span = (last - rows[DATE].iloc[0]).days + 1
    if span < days:
        raise TooLittleHistoryError(
            f"{days} daily candles are needed; got {len(rows)}, from {rows[DATE].iloc[0].date()}"
            f" to {last.date()}."
        )
    recent: pd.DataFrame = rows[rows[DATE] > last - timedelta(days=days)].reset_index(drop=True)
    return recent


def _refuse_holes(rows: pd.DataFrame, missing: Collection[date], days: int) -> None:
    last = rows[DATE].iloc[-1]
    expected = pd.date_range(end=last, periods=days)
    holes = [day.date() for day in expected.difference(pd.DatetimeIndex(rows[DATE]))]
    unknown = [day.isoformat() for day in holes if day not in missing]
    if unknown:
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        raise CandleFileError(
            f"The last {days} days have a hole: {', '.join(unknown[:_MOST_NAMED])}{more}."
            " Send these days too: the source had them when the model was fitted, or they came later."
        )


def _refuse_values(rows: pd.DataFrame) -> None:
    for column in (*PRICES, VOLUME):
        values = rows[column].to_numpy(dtype=float)
        least = 0.0 if column == VOLUME else np.nextafter(0.0, 1.0)
        wrong = ~(np.isfinite(values) & (values >= least))
        if wrong.any():
            day = rows[DATE][wrong].iloc[0].date()
            raise CandleFileError(
                f"Every {column} is a finite number{' above 0' if least else ', 0 or more'};"
                f" {day} has {values[wrong][0]} (a missing value reads as nan)."
            )
    outside = (rows[LOW] > rows[[OPEN, CLOSE]].min(axis=1)) | (rows[HIGH] < rows[[OPEN, CLOSE]].max(axis=1))
    if outside.any():
        day = rows[outside].iloc[0]
        prices = ", ".join(f"{name} {day[name]:g}" for name in PRICES)
        raise CandleFileError(
            f"Open and close lie between low and high; {day[DATE].date()} has {prices}. Are columns swapped?"
        )
