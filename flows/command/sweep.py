"""`coincast sweep`: what a recipe's settings do."""

from typing import Annotated, Any

import typer

from flows.command import app
from flows.command.backtest import parse_horizons
from flows.command.compare import (
    EpochsOption,
    FileOption,
    LimitOption,
    OneSeriesOption,
    check_source,
    print_ending,
)
from flows.command.options import AsOfOption, JsonOption, QuietOption, SeedOption, parse_date
from flows.command.output import print_json, print_table


@app.command()
def sweep(
    *,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="A point or range recipe's name, or a .toml path.")
    ],
    vary: Annotated[
        list[str], typer.Option("--vary", help="SETTING=VALUE,VALUE; repeat it for more settings.")
    ],
    file: FileOption = None,
    series: OneSeriesOption = None,
    as_of: AsOfOption = None,
    sampler: Annotated[
        str, typer.Option("--sampler", help="grid: all in order; tpe: Optuna chooses.")
    ] = "grid",
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="At most so many variations.")] = None,
    seed: SeedOption = 1,
    epochs: EpochsOption = None,
    validation: Annotated[
        float | None,
        typer.Option(
            "--validation", min=0.01, max=0.9, help="Point: fraction of the training windows to choose by."
        ),
    ] = None,
    choose_until: Annotated[
        str | None,
        typer.Option("--choose-until", help="Range: last day to choose by (YYYY-MM-DD); later ones judge."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="Range: first as_of; default: as early as history allows.")
    ] = None,
    refit_every: Annotated[int, typer.Option("--refit-every", min=1, help="Range: days between fits.")] = 365,
    horizons: Annotated[str, typer.Option("--horizons", help="Range: as 1-7, or 1.")] = "1-7",
    write: Annotated[
        str | None, typer.Option("--write", help="Keep the chosen recipe as recipes/NAME.toml.")
    ] = None,
    time_limit: LimitOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Try settings of a recipe; choose by some days, and judge the chosen one on others once.

    Of a point recipe: window, target, scaler, layers (2, or 64x32), units, cell, dropout, optimizer, learning_rate,
    batch, epochs, clip_norm, clip_value, shuffle, patience. Of a range recipe: its fields, as lookback, units (16x16),
    members, ridge_penalty, ridge_shares; walked forward, by relative WIS. The same command goes on after a kill.

    Example: coincast sweep --recipe guide-lstm --file btc.csv --vary window=3,7,14 --vary optimizer=adam,sgd
    """
    from flows.command.flow_run import ready_for_flows
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe
    from pipeline.errors import InputError
    from pipeline.evaluation.range_sweeping import check_days, checked_vary

    check_source(file, series)
    given = named_recipe(recipe, configuration().places)
    checked_vary(given, vary)
    if sampler not in ("grid", "tpe"):
        raise InputError(f"--sampler is grid or tpe; got {sampler[:20]!r}.")
    day = parse_date(as_of, option="--as-of") if as_of else None
    until = parse_date(choose_until, option="--choose-until") if choose_until else None
    begin = parse_date(first, option="--from") if first else None
    chosen = parse_horizons(horizons)
    check_days(given, choose_until=until, first=begin, validation=validation)
    with ready_for_flows(quiet=quiet or as_json):
        from flows.sweep import SweepRequest
        from flows.sweep import sweep as sweep_flow

        request = SweepRequest(
            recipe=recipe,
            vary=tuple(vary),
            file=str(file) if file else None,
            series=series,
            as_of=day,
            sampler=sampler,
            trials=trials,
            seed=seed,
            epochs=epochs,
            validation=validation,
            time_limit_s=time_limit,
            choose_until=until,
            first=begin,
            refit_every=refit_every,
            horizons=chosen,
            write=write,
        )
        result = sweep_flow(request)
    if as_json:
        print_json(result)
    elif not quiet:
        print_sweep(result)
    if result.get("failed"):
        raise typer.Exit(1)


def print_sweep(result: dict[str, Any]) -> None:
    """Every trial, best first, then what the days kept back say of the chosen and the given recipe."""
    names, score = list(result["vary"]), result["score"]
    sign = -1 if result["lower_is_better"] else 1
    ranked = sorted(result["trials"], key=lambda trial: -_sortable(trial[score], sign))
    days = result["validation"]
    title = (
        f"{result['recipe']} on {result['series']}, {days['days']} validation days from {days['first']}"
        f" to before {days['before']}"
    )
    form = ".4f" if result["lower_is_better"] else "+.3f"
    rows = [
        [
            *(trial["settings"][name] for name in names),
            _unscored(trial) if trial[score] is None else format(trial[score], form),
        ]
        for trial in ranked
    ]
    print_table(title, (*names, "relative WIS" if sign < 0 else "skill on validation"), rows)
    for judged in result["judged"]:
        settings = ", ".join(f"{name} {value}" for name, value in judged["settings"].items()) or "as it is"
        typer.echo(f"  {judged['role']} ({settings}): {_told(judged)}; {judged['setting']}.")
    if "written" in result:
        typer.echo(f"The chosen recipe is in {result['written']}")
    print_ending(result)


def _unscored(trial: dict[str, Any]) -> str:
    return "failed" if trial["failure"] else "–"


def _told(judged: dict[str, Any]) -> str:
    """The verdict, with the test skill of a point recipe before it; one is not defined where the price stood still."""
    from pipeline.scores.metrics import SKILL

    if "test_relative_wis" in judged["metrics"]:
        return str(judged["verdict"])
    skill = judged["metrics"].get(SKILL.name)
    return f"test skill {'–' if skill is None else f'{skill:+.3f}'}, {judged['verdict']}"


def _sortable(score: float | None, sign: int) -> float:
    return float("-inf") if score is None else sign * score
