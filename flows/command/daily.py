"""`coincast daily`: the flow of the deployment, run here and now."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.command import BEGUN, app
from flows.command.options import (
    AsOfOption,
    JsonOption,
    NowOption,
    QuietOption,
    SeriesOption,
    parse_date,
    parse_now,
    parse_series,
)
from flows.command.output import console, print_json, print_table, stacked

if TYPE_CHECKING:
    from flows.day.outcome import DayOutcome

# The stages whose time goes into fits; `judge` is the gate's own, of a year ago.
_TRAINING = ("train", "evaluate", "judge")
# As pipeline.evaluation.holdout.TEST_DAYS, which takes seconds to import.
_TEST_DAYS = 90


@app.command()
def daily(
    *,
    series: SeriesOption = None,
    as_of: AsOfOption = None,
    source: Annotated[str | None, typer.Option(help="URL or folder that holds the CSV files.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe that is fitted and published.")] = None,
    now: NowOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for a late file, as the scheduled run does.")
    ] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Download, check, train, evaluate, register, forecast, score and publish.

    Example: coincast daily --series binance/BTCUSDT/1d --as-of 2026-03-29
    """
    overrides = {"source": source, "recipe": recipe}
    run_daily(
        series,
        as_of=as_of,
        now=now,
        overrides={key: value for key, value in overrides.items() if value is not None},
        wait=wait,
        quiet=quiet,
        as_json=as_json,
    )


def run_daily(
    series: Sequence[str] | None,
    *,
    as_of: str | None,
    now: str | None,
    overrides: dict[str, Any],
    wait: bool = False,
    quiet: bool,
    as_json: bool,
    trained_s: float = 0.0,
) -> None:
    """Run the flow, watched on the terminal, and print what became of each series.

    Args:
        series: As `binance/BTCUSDT/1d`; None for the settings'.
        as_of: Date of the last candle that may be seen; None for the newest.
        now: The instant that the run believes in; None for the clock's.
        overrides: Settings that win.
        wait: Whether a late file is waited for.
        quiet: Print nothing.
        as_json: Print one JSON object.
        trained_s: Seconds of fits that this command made before.

    Raises:
        CoincastError: What was asked cannot be done, or a series failed.
    """
    from flows.edges.configuration import configuration
    from flows.edges.sources.base import require_base
    from flows.inputs.arguments import require_daily

    # Everything that can be wrong with the words is said before a server starts, and what can be before heavy imports.
    current = configuration(overrides)
    wanted = parse_series(series, current.settings.series)
    require_daily(wanted)
    day = parse_date(as_of, option="--as-of") if as_of else None
    instant = parse_now(now)
    require_base(current.settings.source)

    from flows.command.flow_run import ready_for_flows
    from flows.day.fits import fit_processes
    from flows.inputs.request import plan_jobs
    from flows.inputs.stores import is_fit_due

    jobs = plan_jobs(current, wanted, as_of=day, now=instant)
    with ready_for_flows(
        quiet=quiet or as_json,
        networks=lambda: fit_processes(jobs) == 1 and is_fit_due(jobs, current.places),
        contract=True,
    ):
        from flows.daily import daily as flow
        from flows.inputs.failures import SeriesFailedError

        try:
            outcomes = flow(
                series=[str(one) for one in wanted], as_of=as_of, now=now, overrides=overrides, wait=wait
            )
        except SeriesFailedError as failed:
            _report(
                failed.outcomes, quiet=quiet, as_json=as_json, failures=failed.failures, trained_s=trained_s
            )
            raise
    _report(outcomes, quiet=quiet, as_json=as_json, failures={}, trained_s=trained_s)


def _report(
    outcomes: "Sequence[DayOutcome]",
    *,
    quiet: bool,
    as_json: bool,
    failures: dict[str, str],
    trained_s: float,
) -> None:
    if as_json:
        print_json({"series": [outcome.as_dict() for outcome in outcomes], "failed": failures})
    elif not quiet:
        for outcome in outcomes:
            print_outcome(outcome)
        in_all = time.perf_counter() - BEGUN
        outside = in_all - trained_s - sum(_training_s(outcome) for outcome in outcomes)
        console().print(f"{in_all:.1f} s in all, {outside:.1f} of them outside training")


def print_outcome(outcome: "DayOutcome") -> None:
    """The forecast beside the random walk's, the evaluation, where everything lies, the seconds."""
    out = console()
    flags = {" [SIMULATED MARKET]": outcome.simulated, " [simulated time]": outcome.simulated_time}
    label = "".join(text for text, holds in flags.items() if holds)
    out.print(
        f"\n{outcome.series}  as of {outcome.as_of}: {outcome.outcome}{label}", style="bold", markup=False
    )
    out.print(
        f"vintage {outcome.vintage}, snapshot {outcome.snapshot[:12]}, last close {price(outcome.last_close)}"
    )
    _print_ranges(outcome)
    if outcome.metrics:
        _print_metrics(outcome.metrics)
    for line in (*outcome.decision, *(f"warning: {warning}" for warning in outcome.warnings)):
        out.print(line, markup=False)
    if outcome.scored:
        out.print(f"scored {outcome.scored} forecasts whose day is now complete")
    opened = f" (opened by `coincast up`, or {outcome.open_with})" if outcome.open_with else ""
    run = f"{outcome.run_url}{opened}" if outcome.run_url else ""
    places = {"page": outcome.page, "MLflow run": run, "registered model": outcome.model}
    for what, where in places.items():
        if where:
            out.print(f"{what}: {where}", markup=False)
    total = sum(outcome.seconds.values())
    stages = " · ".join(f"{stage} {seconds:.1f}" for stage, seconds in outcome.seconds.items())
    out.print(f"seconds: {stages} = {total:.1f}, of them training {_training_s(outcome):.1f}")


def _training_s(outcome: "DayOutcome") -> float:
    return sum(outcome.seconds.get(stage, 0.0) for stage in _TRAINING)


def _print_ranges(outcome: "DayOutcome") -> None:
    """A line for the published model and, below it, one for the random walk where that is another."""
    from pipeline.forecasts.columns import RANDOM_WALK

    own, walk = outcome.forecasts[outcome.champion], outcome.forecasts.get(RANDOM_WALK)
    title = f"{outcome.champion} (median {price(own[0]['median'])} tomorrow)"
    columns = ("close of", "50 %", "80 %", "95 %")
    if outcome.champion == RANDOM_WALK or walk is None:
        print_table(title, columns, [_cells(row) for row in own])
        return
    pairs = zip(map(_cells, own), map(_cells, walk), strict=True)
    rows = [
        (
            stacked(cells[0], "random walk"),
            *(stacked(one, other) for one, other in zip(cells[1:], beside[1:], strict=True)),
        )
        for cells, beside in pairs
    ]
    print_table(f"{title} beside the random walk", columns, rows)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    ranges = (_range(row, coverage) for coverage in (50, 80, 95))
    return (f"{row['target_date']} +{row['horizon']}", *ranges)


def _range(row: dict[str, Any], coverage: int) -> str:
    return f"{price(row[f'lower_{coverage}'])}–{price(row[f'upper_{coverage}'])}"


def _print_metrics(metrics: dict[str, float]) -> None:
    """Beside the random walk's, with the number of days that both forecast."""
    scored = int(metrics["test_days"])
    if not scored:
        console().print(
            f"On none of the last {_TEST_DAYS} days do fit and random walk both have a forecast: nothing to compare."
        )
        return
    days = (
        f"the last {_TEST_DAYS} days" if scored == _TEST_DAYS else f"{scored} of the last {_TEST_DAYS} days"
    )
    pairs = [(name, f"random_walk_{name}") for name in metrics if f"random_walk_{name}" in metrics]
    if not pairs:
        # The random walk's own: there is nothing beside it.
        rows = [(name, f"{value:.6g}") for name, value in metrics.items() if name != "test_days"]
        print_table(f"On {days}, one day ahead", ("", "random walk"), rows)
        return
    print_table(
        f"On {days}, one day ahead, by a fit that did not see them",
        ("", "model", "random walk"),
        [(name, f"{metrics[name]:.6g}", f"{metrics[walk]:.6g}") for name, walk in pairs],
    )


def price(value: float) -> str:
    """A price with as many digits as it deserves: five significant, thousands separated.

    Example:
        >>> price(66010.93), price(0.09045), price(2.2e-05)
        ('66,011', '0.09045', '0.000022')
    """
    from math import floor, log10

    decimals = max(0, 4 - floor(log10(abs(value)))) if value else 0
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals > 4 else text
