"""`coincast alarms`: which were raised, however long ago."""

from typing import TYPE_CHECKING

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_series
from flows.command.output import print_json, print_table

if TYPE_CHECKING:
    from flows.edges.ledger.alarm_record import RaisedAlarm


@app.command()
def alarms(*, series: SeriesOption = None, as_json: JsonOption = False) -> None:
    """Show the alarms that were ever raised, the newest first; `coincast doctor` shows those that stand.

    Example: coincast alarms --series binance/BTCUSDT/1d
    """
    from flows.edges.configuration import configuration
    from flows.edges.ledger.store import Ledger
    from flows.edges.sql.database import open_database

    current = configuration()
    wanted = parse_series(series, current.settings.series)
    record = Ledger(open_database(current.places.database_url)).alarms
    found = [one for each in wanted for one in record.raised(each)]
    if as_json:
        instants = ({"now": one.now.isoformat(), "raised_at": one.raised_at.isoformat()} for one in found)
        rows = [one.alarm.as_dict() | told for one, told in zip(found, instants, strict=True)]
        print_json({"alarms": rows})
        return
    if not found:
        typer.echo("No alarm was raised yet.")
        return
    print_table("Alarms", ("raised (UTC)", "series", "kind", "since", "message"), map(_row, found))


def _row(one: "RaisedAlarm") -> tuple[str, ...]:
    alarm = one.alarm
    return f"{one.raised_at:%Y-%m-%d %H:%M}", alarm.series, alarm.kind, str(alarm.since), alarm.message
