"""`coincast revisions`: what the vendor changed between downloads."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_date, parse_series
from flows.command.output import console, print_json, print_table
from pipeline.errors import InputError

if TYPE_CHECKING:
    from flows.publishing.vendor_revisions import Change

_ROWS_SHOWN: Final = 20
_DAYS_SHOWN: Final = 5


@app.command()
def revisions(
    *,
    series: SeriesOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only changes seen on this day or later (YYYY-MM-DD).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare each snapshot with the one before: days new, restated, filled and vanished, and what that touches.

    Example: coincast revisions --series binance/BTCUSDT/1d --since 2026-03-01
    """
    from flows.edges.configuration import configuration
    from flows.edges.ledger.store import Ledger
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.sql.database import open_database
    from flows.publishing.vendor_revisions import vendor_changes

    current = configuration()
    first = None if since is None else parse_date(since, option="--since")
    engine = open_database(current.places.database_url)
    store, ledger = SnapshotStore(engine, current.places.snapshots_url), Ledger(engine)
    told = []
    for one in parse_series(series, current.settings.series):
        if store.latest(one) is None:
            raise InputError(f"{one} has no snapshot yet; `coincast daily --series {one}` fetches one.")
        for change in vendor_changes(one, store, ledger, since=first):
            told.append(change.as_dict())
            if not as_json:
                _show(change)
        if not as_json and not any(row["series"] == str(one) for row in told):
            typer.echo(
                f"{one}: no change to show; the store has had {len(store.vintages(one))} vintage(s) of it."
            )
    if as_json:
        print_json({"revisions": told})


def _show(change: "Change") -> None:
    typer.echo(
        f"{change.series}  {change.new.since:%Y-%m-%d %H:%M}  {change.old.snapshot.sha256[:12]} → "
        f"{change.new.snapshot.sha256[:12]}  {change.revisions.summary}"
    )
    rows = change.rows(_ROWS_SHOWN)
    if rows:
        more = len(change.revisions.restated) - len(rows)
        print_table("", ("date", "field", "old", "new", "change %"), (list(row.values()) for row in rows))
        if more > 0:
            typer.echo(f"… and {more} more (--json has all)")
    for label, names in (
        ("forecasts made from changed days, as of", change.as_ofs),
        ("forecast days whose close changed", change.targets),
        ("models fitted on changed days", change.models),
    ):
        if names:
            console().print(f"  {label}: {_shortened(names)}", markup=False)


def _shortened(names: tuple[str, ...]) -> str:
    rest = len(names) - _DAYS_SHOWN
    return ", ".join(names[:_DAYS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
