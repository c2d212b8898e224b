"""`coincast export`: what the stores hold, as a file that other tools read."""

from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_date, parse_series
from flows.command.output import print_json
from pipeline.errors import InputError
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame

    from flows.edges.configuration import Configuration

_TABLES: Final = ("forecasts", "scores", "truth")
_SUFFIXES: Final = (".csv", ".parquet")


@app.command()
def export(
    what: Annotated[str, typer.Argument(help="Which table: forecasts, scores or truth.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="Where it goes: .csv or .parquet.")],
    series: SeriesOption = None,
    since: Annotated[str | None, typer.Option("--since", help="First day (YYYY-MM-DD).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Last day (YYYY-MM-DD).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write forecasts, scores or closes as a long table: unique_id, ds, cutoff, y, model, then a column a quantile.

    Days are those of the cutoff for forecasts, else those that were forecast. A close that is not known is empty.

    Example: coincast export forecasts --out forecasts.parquet --since 2026-01-01
    """
    if what not in _TABLES:
        near = get_close_matches(what, _TABLES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_TABLES)}."
        raise InputError(f"No table is named {what[:40]!r}; {hint}")
    if out.suffix not in _SUFFIXES:
        raise InputError(
            f"--out ends in {' or '.join(_SUFFIXES)}, as in {what}.parquet; got {out.name[:60]!r}."
        )
    first = parse_date(since, option="--since") if since else None
    last = parse_date(until, option="--until") if until else None
    parse_series(series, ())
    from flows.edges.configuration import configuration
    from flows.publishing.long_tables import write_table

    current = configuration()
    wanted = parse_series(series, current.settings.series)
    table = _table(what, wanted, (first, last), current)
    write_table(table, out)
    if as_json:
        print_json({"table": what, "file": str(out), "rows": len(table)})
    else:
        typer.echo(f"{out}: {len(table)} rows")
    without = [name for name in map(str, wanted) if name not in set(table["unique_id"])]
    if without:
        names = ", ".join(without[:5]) + (" …" if len(without) > 5 else "")
        rows, when = "closes" if what == "truth" else what, "on these days" if first or last else "yet"
        typer.echo(f"No {rows} of {names} {when}.", err=True)


def _table(
    what: str, wanted: tuple[Series, ...], days: tuple[date | None, date | None], current: "Configuration"
) -> "DataFrame":
    import pandas as pd

    from flows.edges.ledger.store import Ledger
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.sql.database import open_database
    from flows.publishing.long_tables import forecast_table, score_table, truth_table

    engine = open_database(current.places.database_url)
    since, until = days
    try:
        if what == "truth":
            store = SnapshotStore(engine, current.places.snapshots_url)
            parts = [truth_table(store, one, since=since, until=until) for one in wanted]
        else:
            read = forecast_table if what == "forecasts" else score_table
            parts = [read(Ledger(engine), one, since=since, until=until) for one in wanted]
    finally:
        engine.dispose()
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
