"""`coincast inspect`: what a candle file is, and what became of each of its rows."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.command import app
from flows.command.options import JsonOption, parse_now
from flows.command.output import console, print_json, print_table
from pipeline.errors import CandleFileError, InputError
from pipeline.series import Series

if TYPE_CHECKING:
    from pipeline.candles import Account, Reading

# The vendor's file names: exchange first, then the symbol.
_VENDOR_NAME: Final = re.compile(r"([A-Za-z]+)_([A-Za-z0-9]+)_(?:d|day|1h|hourly?)(?![A-Za-z0-9])")
_BETWEEN_PAIRS: Final = re.compile(r",(?=\s*[A-Za-z_]+\s*=)")
# As pipeline.evaluation.holdout has it, which takes long to import.
ENOUGH_DAYS: Final = 490
_DAYS_SHOWN: Final = 20


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A candle file, as downloaded or as a spreadsheet left it.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the candles there: .csv or .parquet.")
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(
            "--map", help="Columns by name or by number from 1, as date=Day,close=Price or date=1,close=5."
        ),
    ] = None,
    series: Annotated[
        str | None,
        typer.Option("--series", "-s", help="The one to read of several: exchange/SYMBOL/timeframe."),
    ] = None,
    fetched_at: Annotated[
        str | None,
        typer.Option("--fetched-at", help="When it was downloaded (ISO, UTC): later bars are unfinished."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a candle file is: its rows, range, holes and oddities, and whether it is usable.

    Example: coincast inspect Binance_BTCUSDT_d.csv --out candles.csv
    """
    from pipeline.candles import Account, write_candles

    try:
        reading = _read(file, mapping, series, fetched_at)
    except CandleFileError as error:
        if as_json:
            print_json(Account.of_refusal(str(error), rows_read=error.rows_read).as_dict())
        raise
    if out is not None:
        write_candles(reading.candles, out)
    _show(_with_exchange(reading.account, file), as_json=as_json)


def _read(file: Path, mapping: str | None, series: str | None, fetched_at: str | None) -> "Reading":
    from flows.edges.clock import clock
    from flows.edges.configuration import configuration
    from flows.inputs.candle_file import read_file
    from pipeline.candles import read_candles

    return read_candles(
        read_file(file, configuration().settings),
        series=Series.parse(series) if series else None,
        fetched_at=parse_now(fetched_at),
        mapping=_parse_mapping(mapping),
        now=clock(),
    )


def _parse_mapping(text: str | None) -> dict[str, str] | None:
    """Role → column; a comma parts two pairs only where another `role=` follows, for names hold commas too."""
    if text is None:
        return None
    pairs = [part.partition("=") for part in _BETWEEN_PAIRS.split(text)]
    if any(not role.strip() or not name.strip() for role, _, name in pairs):
        raise InputError(
            "--map is written role=Column,role=Column, as in date=Day,close=Price or date=1,close=5; "
            f"got {text[:80]!r}."
        )
    return {role.strip().lower(): name.strip() for role, _, name in pairs}


def _with_exchange(account: "Account", file: Path) -> "Account":
    """The exchange that the vendor's file name tells, where the name's symbol is the file's."""
    match = _VENDOR_NAME.match(file.name)
    if account.series.exchange or match is None or match[2].upper() != account.series.symbol:
        return account
    return replace(account, series=replace(account.series, exchange=match[1].lower()))


def _show(account: "Account", *, as_json: bool) -> None:
    if as_json:
        print_json(account.as_dict())
        return
    facts = account.as_dict()
    named = "/".join(value or "?" for value in facts["series"].values())
    dropped = [(f"dropped: {reason}", rows) for reason, rows in account.dropped.items()]
    print_table(
        "",
        ("what", "found"),
        [
            ("format", account.format),
            ("series", named),
            ("range", f"{account.first} to {account.last}" if account.first else "none"),
            ("rows read", account.rows_read),
            *dropped,
            ("rows kept", account.rows_kept),
            ("missing", len(account.missing)),
            ("widened ranges", len(account.widened)),
            ("verdict", account.verdict),
        ],
    )
    out = console()
    for warning in account.warnings:
        out.print(f"• {warning}")
    if account.missing:
        more = f" and {len(account.missing) - _DAYS_SHOWN} more" if len(account.missing) > _DAYS_SHOWN else ""
        out.print(f"Missing: {', '.join(account.missing[:_DAYS_SHOWN])}{more}")
    if account.series.timeframe == "1d" and account.rows_kept < ENOUGH_DAYS:
        out.print(f"`coincast daily` needs {ENOUGH_DAYS} daily candles; these are {account.rows_kept}.")
