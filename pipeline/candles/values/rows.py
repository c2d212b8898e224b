"""Cells to rows: instants, prices and volumes as numbers, nothing judged yet."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.candles.columns import (
    CLOSE,
    DATE,
    HIGH,
    LOW,
    OPEN,
    PRICES,
    TRADES,
    VOLUME_BASE,
    VOLUME_QUOTE,
    VOLUMES,
)
from pipeline.candles.row_filter import Columns, counted
from pipeline.candles.text.cells import Sheet
from pipeline.candles.text.layout import OTHER, YAHOO
from pipeline.candles.text.names import CLOCK, UNIX, VOLUME
from pipeline.candles.values.bar_times import read_instants, tell_no_day
from pipeline.candles.values.numbers import has_decimal_commas, has_grouping_points, read_numbers
from pipeline.candles.values.timestamps import Timestamps, Written

# Columns of rows besides those of a candle: when the row says that its bar opens, the start of the day (hour) that it
# is dated by, how new the row's form is, the larger of its volumes (-1 where it tells none), and whether a unix time
# is all that tells its time. Times are microseconds since 1970 in UTC.
TIME: Final = "time"
BAR: Final = "bar"
RANK: Final = "rank"
WEIGHT: Final = "weight"
UNIX_ONLY: Final = "unix_only"
UNREADABLE: Final = "unreadable"
LINE: Final = "line"
_POINTED_DATE: Final = re.compile(r"\W?\d{1,2}\.\d{1,2}\.\d")
_GROUPED: Final = (
    "Points are taken to group digits, as in 41.332 = 41332: dates and delimiter are of that kind."
)


@dataclass(frozen=True, eq=False)
class Rows:
    """Every row of a file as values.

    Attributes:
        table: One line of the file a row, in file order: TIME, RANK, WEIGHT, UNIX_ONLY, LINE, the
            columns of a candle but its date, and UNREADABLE, True where a time or a price is no such thing.
        warnings: Sentences.
    """

    table: Columns
    warnings: tuple[str, ...]


def read_rows(sheet: Sheet) -> Rows:
    """Values of every row.

    Raises:
        CandleFileError: Dates fit both day/month and month/day.
    """
    dates, clocks = sheet.cells[DATE], sheet.cells[CLOCK]
    if _told(sheet, CLOCK):
        dates = pc.binary_join_element_wise(dates, clocks, pa.scalar(" ", pa.large_string()))
    columns = sheet.headers[0].layout.columns
    instants, warnings = read_instants(sheet.cells[UNIX], dates, columns=columns)
    numbers, unreadable, described = _read_amounts(sheet)
    unreadable |= ~instants.told
    trades_told = ~np.isnan(numbers[TRADES])
    with np.errstate(invalid="ignore"):
        weight = np.fmax(numbers[VOLUME_BASE], numbers[VOLUME_QUOTE])
    table = {
        TIME: _openings(instants) if sheet.headers[0].layout.ends else instants.times,
        UNIX_ONLY: tell_no_day(instants),
        RANK: instants.written * np.int16(2) + trades_told,
        LINE: sheet.lines,
        UNREADABLE: unreadable,
        WEIGHT: np.where(np.isnan(weight), -1.0, weight),
        **numbers,
    }
    return Rows(table, (*warnings, *described))


def _openings(instants: Timestamps) -> NDArray[np.int64]:
    """Instants inside the bars that end at the times told; days without a time of day are the bars' own."""
    days_only = instants.written == Written.DAY
    return np.where(instants.told & ~days_only, instants.times - 1, instants.times)


def _read_amounts(sheet: Sheet) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_], tuple[str, ...]]:
    """Prices, volumes and trades; a mask of rows whose prices are unreadable; and what to warn of."""
    told = [role for role in (*PRICES, *VOLUMES, VOLUME, TRADES) if _told(sheet, role)]
    columns = [sheet.cells[role] for role in told]
    comma = sheet.grouped and has_decimal_commas(columns, comma_delimited=sheet.comma_delimited)
    points = _writes_pointed_dates(sheet) and has_grouping_points(columns)
    comma |= points
    read = {role: read_numbers(cells, decimal_comma=comma) for role, cells in zip(told, columns, strict=True)}
    nothing = np.full(len(sheet.lines), np.nan)
    numbers = {role: read[role][0] if role in read else nothing for role in (*PRICES, *VOLUMES, TRADES)}
    unreadable = np.logical_or.reduce([read[role][1] for role in PRICES if role in read])
    return (
        numbers | _missing_prices(numbers, told) | _unnamed_volume(sheet, read),
        unreadable,
        (
            *([_GROUPED] if points else []),
            *_describe_columns(sheet, told),
            *_describe_suffixes(sheet, told),
            *_describe_unreadable(read),
        ),
    )


def _writes_pointed_dates(sheet: Sheet) -> bool:
    """Whether the file is of a spreadsheet that writes `26.02.2022`, where the comma is the decimal sign."""
    return not sheet.comma_delimited and bool(_POINTED_DATE.match(sheet.cells[DATE][0].as_py()))


def _missing_prices(
    numbers: dict[str, NDArray[np.float64]], told: list[str]
) -> dict[str, NDArray[np.float64]]:
    """Prices of columns that the file lacks: open is the close; high and low enclose the two."""
    close = numbers[CLOSE]
    opening = numbers[OPEN] if OPEN in told else close
    made = {OPEN: opening, HIGH: np.fmax(opening, close), LOW: np.fmin(opening, close)}
    return {role: prices for role, prices in made.items() if role not in told}


def _unnamed_volume(
    sheet: Sheet, read: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]
) -> dict[str, NDArray[np.float64]]:
    """One column named `Volume`, where the file does not name its sides."""
    if VOLUME not in read or VOLUME_BASE in read:
        return {}
    return {VOLUME_BASE if VOLUME_QUOTE in read else _side_of_unnamed(sheet): read[VOLUME][0]}


def _side_of_unnamed(sheet: Sheet) -> str:
    """Yahoo gives crypto volumes in quote currency; everyone else's single column is taken as base."""
    return VOLUME_QUOTE if sheet.headers[0].layout.format == YAHOO else VOLUME_BASE


def _describe_columns(sheet: Sheet, told: list[str]) -> tuple[str, ...]:
    absent = [role for role in (OPEN, HIGH, LOW) if role not in told]
    sentences = []
    if absent:
        sentences.append(
            f"The file has no {', '.join(absent)}: open is taken as the close, high and low enclose the two, "
            "so that ranges say nothing."
        )
    if VOLUME in told and not set(VOLUMES) & set(told) and _side_of_unnamed(sheet) == VOLUME_BASE:
        sentences.append("The volume's currency is not named; it is taken as the base's.")
    return tuple(sentences)


def _describe_suffixes(sheet: Sheet, told: list[str]) -> tuple[str, ...]:
    """Whether volumes are given in thousands or millions, as pages for readers give them."""
    if sheet.headers[0].layout.format != OTHER or VOLUME not in told:
        return ()
    rounded = pc.match_substring_regex(sheet.cells[VOLUME], r"\d\s*[kKmMbB]\s*$")
    return (
        ("Volumes are rounded to thousands, millions or billions (K, M, B).",)
        if pc.any(rounded).as_py()
        else ()
    )


def _describe_unreadable(read: dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]) -> tuple[str, ...]:
    return tuple(
        f"{counted(int(unreadable.sum()), 'cell')} of {role} left empty: what is written there is no number."
        for role, (_, unreadable) in read.items()
        if role not in PRICES and unreadable.any()
    )


def _told(sheet: Sheet, role: str) -> bool:
    return any(role in header.layout.columns for header in sheet.headers)
