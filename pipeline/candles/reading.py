"""Bytes to candles: the one door of every candle file."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.candles import account as fate
from pipeline.candles.account import USABLE, USABLE_WITH_WARNINGS, Account, Reading
from pipeline.candles.cleaning import losses
from pipeline.candles.cleaning import steps as cleaning
from pipeline.candles.cleaning.anomalies import describe_oddities
from pipeline.candles.cleaning.duplicates import order_of_confirmation
from pipeline.candles.cleaning.timeframe import find_timeframe
from pipeline.candles.cleaning.unfinished import Times, describe_future
from pipeline.candles.cleaning.usability import refuse_unusable
from pipeline.candles.cleaning.volumes import describe_swap
from pipeline.candles.columns import CANDLE_COLUMNS, DATE, PRICES
from pipeline.candles.grid import missing_bars
from pipeline.candles.row_filter import RowFilter, counted
from pipeline.candles.text.cells import Sheet, read_sheet
from pipeline.candles.text.decoding import decode
from pipeline.candles.text.layout import OWN
from pipeline.candles.text.names import SYMBOL
from pipeline.candles.text.symbols import choose_symbol
from pipeline.candles.values.rows import BAR, LINE, TIME, UNREADABLE, read_rows
from pipeline.candles.values.timestamps import STEP_US
from pipeline.errors import CandleFileError
from pipeline.series import Series

_LINES_NAMED: Final = 5


def read_candles(
    data: bytes,
    *,
    series: Series | None = None,
    fetched_at: datetime | None = None,
    as_of: date | None = None,
    mapping: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Reading:
    """Candles of a file, and an account of every row of it.

    Args:
        data: The file, byte for byte.
        series: What the file should hold; chooses among several markets in one file.
        fetched_at: When the bytes were fetched (naive means UTC); bars that were open then are left out.
        as_of: Last day to keep; the same as reading everything and cutting the candles there.
        mapping: Role → column name, as `{"date": "Day", "close": "Price"}`, for files with other names; or its number,
            from 1.
        now: The present instant (naive means UTC), so that later candles are told of; None tells of none.

    Raises:
        CandleFileError: The bytes are no candle file, hold several markets, cannot be decided, lost too many rows, or
            are of a series that no daily forecast can be made of.
    """
    text, notes = decode(data)
    sheet = read_sheet(text, mapping=mapping, ticker=series.symbol if series else "")
    try:
        return _read(sheet, notes, series=series, times=Times.of(fetched_at, sheet.created, now), as_of=as_of)
    except CandleFileError as error:
        error.rows_read = error.rows_read or sheet.rows_read
        raise


def _read(
    sheet: Sheet, notes: tuple[str, ...], *, series: Series | None, times: Times, as_of: date | None
) -> Reading:
    layout = sheet.headers[0].layout
    told = layout.ticker or "".join(layout.pair)
    symbol, others, strays = choose_symbol(sheet.cells[SYMBOL], series=series, told=told)
    rows = read_rows(sheet)
    row_filter = RowFilter(rows.table, ordered_by=(TIME, *PRICES))
    row_filter.warn(*notes, *strays, *rows.warnings)
    row_filter.count(fate.BLANK, sheet.blank)
    row_filter.count(fate.REPEATED_HEADER, sheet.repeated_headers)
    row_filter.drop(others, fate.OTHER_SYMBOL)
    times_told = row_filter.rows[TIME]
    _drop_unreadable(row_filter, sheet)
    cleaning.keep_prices(row_filter)
    losses.refuse_nothing(row_filter, sheet, "has no usable row")
    losses.refuse_losses(row_filter, sheet)
    row_filter.warn(losses.describe_newest(row_filter, times_told))
    timeframe = find_timeframe(row_filter.rows[TIME], series)
    _clean(row_filter, sheet, timeframe, times)
    losses.refuse_nothing(row_filter, sheet, "has no complete candle")
    refuse_unusable(row_filter.rows)
    row_filter.warn(*losses.describe_losses(row_filter, sheet))
    cleaning.cut(row_filter, as_of)
    losses.refuse_nothing(row_filter, sheet, f"has no candle at or before {as_of}")
    row_filter.warn(describe_future(row_filter.rows, times))
    market = Series(series.exchange if series else "", symbol, timeframe)
    return _reading(row_filter, sheet, market)


def _drop_unreadable(row_filter: RowFilter, sheet: Sheet) -> None:
    unreadable = row_filter.rows[UNREADABLE]
    lines = sorted([*row_filter.rows[LINE][unreadable].tolist(), *sheet.ragged])
    row_filter.count(fate.UNPARSEABLE, len(sheet.ragged))
    row_filter.drop(unreadable, fate.UNPARSEABLE)
    if lines:
        named = ", ".join(str(line) for line in lines[:_LINES_NAMED])
        more = f" and {len(lines) - _LINES_NAMED} more" if len(lines) > _LINES_NAMED else ""
        row_filter.warn(f"{counted(len(lines), 'row')} cannot be read (line {named}{more}).")


def _clean(row_filter: RowFilter, sheet: Sheet, timeframe: str, times: Times) -> None:
    trusted = sheet.headers[0].layout.format == OWN
    cleaning.date_bars(row_filter, timeframe, ends=sheet.headers[0].layout.ends)
    row_filter.take(order_of_confirmation(row_filter.rows))
    if not trusted:
        cleaning.settle_volumes(row_filter)
    cleaning.keep_one_row_a_bar(row_filter)
    losses.refuse_nothing(row_filter, sheet, "has junk rows only")
    if timeframe == "1h" and not trusted:
        cleaning.drop_repeated_bars(row_filter)
    cleaning.keep_finished(row_filter, times, timeframe, trusted=trusted)


def _reading(row_filter: RowFilter, sheet: Sheet, market: Series) -> Reading:
    rows = row_filter.rows
    dates = rows[BAR].view("datetime64[us]")
    ends = _iso(rows[BAR][[0, -1]], market.timeframe)
    missing = tuple(_iso(missing_bars(rows[BAR], STEP_US[market.timeframe]), market.timeframe))
    if cleaning.SWAPPED in rows:
        row_filter.warn(*describe_swap(rows[cleaning.SWAPPED], rows[BAR]))
    widened = tuple(_iso(rows[BAR][rows[cleaning.WIDENED]], market.timeframe))
    row_filter.warn(*describe_oddities(rows, missing, widened))
    account = Account(
        format=sheet.headers[0].layout.format,
        series=market,
        rows_read=sheet.rows_read,
        rows_kept=len(row_filter),
        dropped=dict(row_filter.dropped),
        first=ends[0],
        last=ends[1],
        missing=missing,
        widened=widened,
        warnings=tuple(row_filter.warnings),
        verdict=USABLE_WITH_WARNINGS if row_filter.warnings else USABLE,
    )
    return Reading(pd.DataFrame({DATE: dates, **{name: rows[name] for name in CANDLE_COLUMNS[1:]}}), account)


def _iso(bars: NDArray[np.int64], timeframe: str) -> list[str]:
    """Days, or hours with their minute, in ISO."""
    texts = np.datetime_as_string(bars.view("datetime64[us]"), unit="D" if timeframe == "1d" else "m")
    return [str(text) for text in texts]
