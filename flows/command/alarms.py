"""`coincast alarms`: which were raised, however long ago."""

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_series
from flows.command.output import console, print_json


@app.command()
def alarms(*, series: SeriesOption = None, as_json: JsonOption = False) -> None:
    """Show the alarms that were ever raised, the newest first; `coincast doctor` shows those that stand.

    Without `--series` those of series that are no longer configured are among them.

    Example: coincast alarms --series binance/BTCUSDT/1d
    """
    from flows.edges.configuration import configuration
    from flows.edges.ledger.store import Ledger
    from flows.edges.sql.database import open_database

    current = configuration()
    wanted = parse_series(series, current.settings.series) if series else None
    found = Ledger(open_database(current.places.database_url)).alarms.raised(wanted)
    if as_json:
        instants = ({"now": one.now.isoformat(), "raised_at": one.raised_at.isoformat()} for one in found)
        rows = [one.alarm.as_dict() | told for one, told in zip(found, instants, strict=True)]
        print_json({"alarms": rows})
        return
    if not found:
        typer.echo("No alarm was raised yet.")
        return
    for one in found:
        console().print(f"{one.raised_at:%Y-%m-%d %H:%M} UTC  {one.alarm}")
