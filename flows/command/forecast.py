"""`coincast forecast`: what was published last."""

from typing import Any

import typer

from flows.command import app
from flows.command.options import AsOfOption, JsonOption, SeriesOption, parse_date, parse_series
from flows.command.output import console, print_json, print_table, stacked


@app.command()
def forecast(*, series: SeriesOption = None, as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """Show the last published forecast: each day's 50, 80 and 95 % ranges beside the random walk's.

    Exit 2 if none of the series has a forecast yet, or not of that day; 1 if what is kept of one cannot be read.

    Example: coincast forecast --series binance/BTCUSDT/1d --as-of 2026-03-29
    """
    from flows.edges.clock import clock
    from flows.edges.configuration import configuration
    from flows.edges.ledger.store import Ledger
    from flows.edges.sql.database import open_database
    from flows.inputs.failures import kept, raise_failures
    from flows.publishing.alarms import usual_model
    from flows.publishing.reading import read_published
    from pipeline.errors import CoincastError, InputError

    current = configuration()
    day = parse_date(as_of, option="--as-of") if as_of else None
    wanted = parse_series(series, current.settings.series)
    ledger, now = Ledger(open_database(current.places.database_url)), clock()
    usual = usual_model(current.settings)
    failures: dict[str, CoincastError] = {}
    missing: list[str] = []
    told: list[dict[str, Any]] = []
    for one in wanted:
        with kept(failures, str(one)):
            published = read_published(ledger, one, usual=usual, as_of=day, now=now)
            if published is None:
                missing.append(str(one))
            else:
                told.append(published.as_dict())
    if missing and not told and not failures:
        raise InputError(_nothing(missing, as_of))
    if as_json:
        failed = {name: str(error) for name, error in failures.items()}
        print_json({"forecasts": told, "missing": missing, "failed": failed})
    else:
        for said in told:
            _show(said)
        if missing:
            typer.echo(_nothing(missing, as_of), err=True)
    raise_failures(told, failures)


def _nothing(missing: list[str], as_of: str | None) -> str:
    names = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    order = f"coincast daily --series {','.join(missing[:5])}" + (f" --as-of {as_of}" if as_of else "")
    return f"The ledger has no forecast of {names}{f' as of {as_of}' if as_of else ' yet'}; run `{order}`."


def _show(said: dict[str, Any]) -> None:
    from pipeline.forecasts.columns import RANDOM_WALK
    from pipeline.page.prices import rounding_step

    out = console()
    flags = {"SIMULATED MARKET": said["simulated_data"], "simulated time": said["simulated_time"]}
    marks = "".join(f" [{text}]" for text, holds in flags.items() if holds)
    out.print(f"\n{said['sentence']}", style="bold", markup=False)
    # As precise as tomorrow's range deserves; the later ones are wider.
    step = rounding_step(*said["horizons"][0]["range_80"])
    rows = [_cells(row, step) for row in said["horizons"]]
    print_table("", ("close of", "", "50 %", "80 %", "95 %"), rows)
    version = "" if said["model_version"] == "-" else f" {said['model_version']}"
    out.print(
        f"{said['series']}, as of {said['as_of']}{marks}: {said['model_id']}{version}, "
        f"issued {said['issued_at'][:16].replace('T', ' ')} UTC, vintage {said['vintage']}",
        markup=False,
    )
    if said["model_id"] == RANDOM_WALK:
        out.print("It is the random walk: the last close, give or take what the last year's days did.")
    elif said["random_walk_from"] is not None:
        out.print(
            f"From day {said['random_walk_from']} on it is the random walk's: no skill was shown so far ahead."
        )


def _cells(row: dict[str, Any], step: float) -> tuple[object, ...]:
    """The day, whose range it is, and the three ranges; the random walk's below, where it is another."""
    day = f"{row['target_date']} +{row['horizon']}"
    walk = row["random_walk"]
    marked = day if row["mode"] == "live" else stacked(day, "backfill")
    if walk is None:
        return (marked, "walk", *_ranges(row, step))
    pairs = zip(_ranges(row, step), _ranges(walk, step), strict=True)
    return (marked, stacked("model", "walk"), *(stacked(own, beside) for own, beside in pairs))


def _ranges(figures: dict[str, Any], step: float) -> list[str]:
    from pipeline.page.prices import format_price

    ends = [figures[f"range_{coverage}"] for coverage in (50, 80, 95)]
    return [f"{format_price(lower, step)}–{format_price(upper, step)}" for lower, upper in ends]
