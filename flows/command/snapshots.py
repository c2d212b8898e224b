"""`coincast snapshots`: what was downloaded, whether it is whole and may be used, and what may go."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flows.command import app
from flows.command.options import JsonOption, SeriesOption, parse_series
from flows.command.output import console, print_json, print_table
from flows.edges.private_files import give_usual_mode
from pipeline.errors import InputError, StoreError

if TYPE_CHECKING:
    from flows.edges.snapshots.store import Fetch, Judgement, Snapshot, SnapshotStore, Verification

snapshots: Final = typer.Typer(
    help="List, show, accept, verify and prune downloaded files.", no_args_is_help=True
)
app.add_typer(snapshots, name="snapshots")

_FETCHES_SHOWN: Final = 10


@snapshots.callback()
def _snapshots() -> None:
    """List, show, accept, verify and prune downloaded files."""


@snapshots.command("list")
def list_snapshots(*, series: SeriesOption = None, as_json: JsonOption = False) -> None:
    """Show every snapshot: its range, when the source was first and last seen to have it, and whether it is suspect.

    Example: coincast snapshots list --series binance/BTCUSDT/1d
    """
    store = _store()
    wanted = parse_series(series, ()) or (None,)
    listed = [one for name in wanted for one in store.list(name)]
    seen = {(look.series, look.sha256): look for name in wanted for look in store.fetches(name)}
    judged = {name: store.judgements(name) for name in {one.series for one in listed}}
    stored = store.stored()
    facts = [
        _values(one, seen[one.series, one.sha256], stored, judgement=judged[one.series].get(one.sha256))
        for one in listed
    ]
    if as_json:
        print_json({"snapshots": facts})
        return
    heads = ("snapshot", "series", "first seen", "last seen", "candles to")
    print_table("", heads, (_row(one) for one in facts))


@snapshots.command()
def show(
    sha256: Annotated[str, typer.Argument(help="Its sha256, or enough of its beginning.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the file there, byte for byte as it was served.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one snapshot: where it came from, each look at the source that saw it, the account of its rows.

    Example: coincast snapshots show 7b52b930 --out Binance_BTCUSDT_d.csv
    """
    store = _store()
    snapshot = _find(store, sha256)
    data = store.read(snapshot)
    looks = [look for look in store.fetches(snapshot.series) if look.sha256 == snapshot.sha256]
    account = store.reading(snapshot).account.as_dict()
    if out is not None:
        _write(out, data)
    judgement = store.judgements(snapshot.series).get(snapshot.sha256)
    values = _values(snapshot, looks[-1], frozenset({snapshot.sha256}), judgement=judgement)
    if as_json:
        seen = [look.fetched_at.isoformat() for look in looks]
        print_json({**values, "seen": seen, "account": account})
        return
    values["seen"] = ", ".join(f"{look.fetched_at:%Y-%m-%d %H:%M}" for look in looks[-_FETCHES_SHOWN:])
    values["dropped"] = ", ".join(f"{count} {reason}" for reason, count in account["dropped"].items())
    print_table(f"Snapshot {snapshot.sha256[:12]}", ("key", "value"), values.items())
    for warning in account["warnings"]:
        console().print(f"· {warning}", markup=False)


@snapshots.command()
def accept(
    sha256: Annotated[str, typer.Argument(help="Its sha256, or enough of its beginning.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Use a suspect snapshot from now on: what it lost or tells otherwise is right.

    Example: coincast snapshots accept 7b52b930
    """
    from flows.edges.clock import clock

    store = _store()
    snapshot = _find(store, sha256)
    accepted = store.accept(snapshot, now=clock())
    # One of several sources is no series that can be asked for.
    series = str(replace(snapshot.series, exchange=snapshot.series.exchange.partition("@")[0]))
    outcome = "accepted" if accepted else "unchanged"
    if as_json:
        print_json({"sha256": snapshot.sha256, "series": series, "outcome": outcome})
        return
    told = f"accepted: run `coincast daily --series {series}`" if accepted else "not suspect: nothing changed"
    typer.echo(f"{snapshot.sha256[:12]} of {series}: {told}")


@snapshots.command()
def verify(*, series: SeriesOption = None, as_json: JsonOption = False) -> None:
    """Re-hash every snapshot and name those that are damaged; exit 1 if there are any.

    Example: coincast snapshots verify
    """
    store = _store()
    wanted = parse_series(series, ()) or (None,)
    found = [store.verify(name) for name in wanted]
    damaged = [damage for one in found for damage in one.damaged]
    whole = sum(one.whole for one in found)
    if as_json:
        print_json(_verification(found))
    else:
        pruned, orphans = sum(one.pruned for one in found), len(found[0].orphans)
        typer.echo(f"{whole} whole, {len(damaged)} damaged, {pruned} pruned, {orphans} without an index row")
        for one in damaged:
            typer.echo(f"{one.state}: {one.snapshot.series} {one.snapshot.sha256} ({one.path})")
    if damaged:
        names = ", ".join(one.snapshot.sha256[:12] for one in damaged[:5])
        raise StoreError(
            f"{len(damaged)} of {whole + len(damaged)} snapshots cannot be used ({names}): download their series "
            "again, which heals those that the source still has, or restore the files from a backup."
        )


@snapshots.command()
def prune(
    *,
    older_than: Annotated[
        int, typer.Option("--older-than", min=0, help="Days since the source last had the file.")
    ] = 90,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it nothing is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove superseded files that no forecast, fit or score was made of; each series keeps its latest.

    Example: coincast snapshots prune --older-than 365 --yes
    """
    from flows.edges.clock import clock
    from flows.edges.configuration import configuration
    from flows.edges.snapshots.upkeep import used_snapshots
    from flows.edges.sql.database import open_database

    engine = open_database(configuration().places.database_url)
    before = clock() - timedelta(days=older_than)
    done = _store().prune(keep=used_snapshots(engine), before=before, dry_run=not yes)
    names = [*dict.fromkeys(one.sha256 for one in done.snapshots), *done.orphans]
    if as_json:
        print_json({"removed": names if yes else [], "would_remove": [] if yes else names, "freed": done.freed,
                    "kept": done.kept})  # fmt: skip
        return
    for one in done.snapshots:
        typer.echo(f"{one.sha256[:12]}  {one.series}  {one.fetched_at:%Y-%m-%d %H:%M}")
    verb, hint = (
        ("removed", "") if yes else ("that would be removed", "; --yes removes them" if names else "")
    )
    typer.echo(
        f"Files {verb}: {len(names)} ({done.freed / 2**20:.1f} MiB); snapshots that stay: {done.kept}{hint}"
    )


def _store() -> "SnapshotStore":
    from flows.edges.configuration import configuration
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.sql.database import open_database

    places = configuration().places
    return SnapshotStore(open_database(places.database_url), places.snapshots_url)


def _find(store: "SnapshotStore", prefix: str) -> "Snapshot":
    """The snapshot whose sha256 begins so.

    Raises:
        InputError: None does, or several.
    """
    found = {one.sha256: one for one in reversed(store.list()) if one.sha256.startswith(prefix.lower())}
    if len(found) == 1:
        return found.popitem()[1]
    told = f"{len(found)} snapshots begin with" if found else "No snapshot begins with"
    raise InputError(f"{told} {prefix[:64]!r}; `coincast snapshots list` names them.")


def _values(
    snapshot: "Snapshot", last: "Fetch", stored: frozenset[str], *, judgement: "Judgement | None"
) -> dict[str, Any]:
    return {
        **vars(snapshot),
        "series": str(snapshot.series),
        "fetched_at": snapshot.fetched_at.isoformat(),
        "last_seen_at": last.fetched_at.isoformat(),
        "first": snapshot.first.isoformat(),
        "last": snapshot.last.isoformat(),
        "stored": snapshot.sha256 in stored,
        "status": judgement.verdict if judgement else "usable",
        "reason": judgement.reason if judgement else "",
    }


def _row(facts: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        facts["sha256"][:12],
        facts["series"],
        facts["fetched_at"][:10],
        facts["last_seen_at"][:10],
        "gone" if not facts["stored"] else "suspect" if facts["status"] == "suspect" else facts["last"],
    )


def _verification(found: "list[Verification]") -> dict[str, Any]:
    return {
        "whole": sum(one.whole for one in found),
        "pruned": sum(one.pruned for one in found),
        "damaged": [
            {
                "sha256": damage.snapshot.sha256,
                "series": str(damage.snapshot.series),
                "state": damage.state,
                "path": damage.path,
            }
            for one in found
            for damage in one.damaged
        ],
        "orphans": list(found[0].orphans),
    }


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
        give_usual_mode(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); give another file.") from error
