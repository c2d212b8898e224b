"""What `coincast backfill` prints: plans, outcomes and states."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import typer

from flows.command.output import console, print_json, print_table

if TYPE_CHECKING:
    from flows.backfills.report import BackfillOutcome
    from flows.edges.backfill_store.units import Backfill
    from pipeline.backfill.description import Timings
    from pipeline.backfill.plan import Plan

_FAILED_SHOWN: Final = 10


def show_plan(plan: "Plan", timings: "Timings | None", *, workers: int, as_json: bool) -> None:
    """Each unit's outcome, neighbours drawn together on a terminal, and an estimate."""
    from pipeline.backfill.description import estimated_seconds, stretches

    seconds = estimated_seconds(plan, timings, workers=workers)
    if as_json:
        print_json(
            {
                **plan.model_dump(mode="json"),
                "counts": plan.counts,
                "fits": plan.fits,
                "estimated_seconds": seconds,
            }
        )
        return
    rows = [
        (
            one.series,
            f"{one.first} … {one.last}",
            one.days,
            f"{one.outcome}: {one.why}" if one.why else one.outcome,
        )
        for one in stretches(plan.units)
    ]
    print_table("", ("series", "days", "n", "outcome"), rows)
    chunks = len({unit.chunk for unit in plan.to_do})
    told = ", ".join(f"{count} {outcome}" for outcome, count in plan.counts.items() if count)
    typer.echo(f"{told}; {plan.fits} fits in {chunks} chunk{'' if chunks == 1 else 's'}")
    typer.echo("no past run to estimate from" if seconds is None else f"estimated time: {_duration(seconds)}")


def show_outcome(outcome: "BackfillOutcome", *, as_json: bool, quiet: bool) -> None:
    """What became of a backfill.

    Raises:
        typer.Exit: With 1 where a unit failed, or a series could not be scored or shown.
    """
    if as_json:
        print_json(outcome.as_dict())
    elif not quiet:
        _print_outcome(outcome)
    if outcome.failed or outcome.failures:
        raise typer.Exit(1)


def show_status(
    backfill: "Backfill", units: Sequence[Mapping[str, Any]], counts: Mapping[str, int], *, as_json: bool
) -> None:
    """Every unit as the database has it, or how many of each status there are by series."""
    if as_json:
        asked = {
            "request": backfill.request.model_dump(mode="json"),
            "created_at": backfill.created_at.isoformat(),
        }
        print_json(
            {"id": backfill.id, **asked, "counts": dict(counts), "units": [dict(unit) for unit in units]}
        )
        return
    from pipeline.backfill.description import status_rows

    request = backfill.request
    typer.echo(
        f"backfill {backfill.id} of {backfill.recipe['name']}, {request.first} to {request.last}: {_told(counts)}"
    )
    # The days are told above, and a terminal is narrow.
    rows = [{key: row[key] for key in row if key not in ("first", "last")} for row in status_rows(units)]
    print_table("", tuple(rows[0]), [tuple(row.values()) for row in rows])
    _print_reasons([unit for unit in units if unit["status"] == "failed"], backfill.id)


def show_list(backfills: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """A line a backfill."""
    asked = [{**one, "request": json.loads(one["request"])} for one in backfills]
    if as_json:
        print_json({"backfills": [{**one, "created_at": one["created_at"].isoformat()} for one in asked]})
        return
    if not asked:
        typer.echo("No backfill was made yet; `coincast backfill --from … --to …` makes one.")
        return
    rows = [
        (
            one["id"],
            one["model_id"].removeprefix("coincast-"),
            ", ".join(one["request"]["series"]),
            f"{one['request']['first']} … {one['request']['last']}",
            _told(one["units"]),
        )
        for one in asked
    ]
    print_table("", ("backfill", "model", "series", "days", "units"), rows)


def _print_outcome(outcome: "BackfillOutcome") -> None:
    if not outcome.id:
        typer.echo(f"nothing to do: {_told(outcome.units)}; {outcome.published} files published")
        _print_failures(outcome)
        return
    print_leaderboard(outcome, "Backfilled forecasts")
    typer.echo(f"backfill {outcome.id}: {_told(outcome.units)}; {outcome.published} files published")
    console().print(f"MLflow run: {outcome.run_url}", markup=False)
    seconds = outcome.seconds
    typer.echo(f"seconds: {seconds['wall']:.1f}, of them fits {seconds['fits']:.1f}")
    _print_reasons(outcome.failed, outcome.id)
    _print_failures(outcome)


def _print_failures(outcome: "BackfillOutcome") -> None:
    for name, why in outcome.failures.items():
        console().print(f"failed: {name}: {why}", markup=False)


def print_leaderboard(outcome: "BackfillOutcome", title: str) -> None:
    """Its models, the best first; nothing where none was scored."""
    from pipeline.scores.metrics import LEADERBOARD_TABLE

    rows = [
        (row["model_id"], row["n"], *(metric.text(row[metric.name]) for metric in LEADERBOARD_TABLE))
        for row in outcome.leaderboard
    ]
    if rows:
        print_table(title, ("model", "scored", *(metric.title for metric in LEADERBOARD_TABLE)), rows)


def _print_reasons(failed: Sequence[Mapping[str, Any]], backfill_id: str) -> None:
    for unit in failed[:_FAILED_SHOWN]:
        console().print(f"failed: {unit['series']} {unit['as_of']}: {unit['why']}", markup=False)
    if failed:
        typer.echo(f"coincast backfill retry {backfill_id}   tries {len(failed)} failed units again")


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=max(1, round(seconds))))
