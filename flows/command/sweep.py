"""`coincast sweep`: what a recipe's settings do."""

from typing import Annotated, Any

import typer

from flows.command import app
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
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="A point recipe's name, or a .toml path.")],
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
        float,
        typer.Option(
            "--validation", min=0.01, max=0.9, help="Fraction of the training windows to choose by."
        ),
    ] = 0.15,
    time_limit: LimitOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Try settings of a recipe; choose on validation rows, judge the chosen one on the test rows once.

    Settings: window, target, scaler, layers (2, or 64x32), units, cell, dropout, optimizer, learning_rate,
    batch, epochs, clip_norm, clip_value, shuffle, patience. The same command goes on after a kill.

    Example: coincast sweep --recipe guide-lstm --file btc.csv --vary window=3,7,14 --vary optimizer=adam,sgd
    """
    from flows.command.flow_run import ready_for_flows
    from flows.edges.configuration import configuration
    from flows.edges.files.recipe_files import named_recipe
    from pipeline.errors import InputError
    from pipeline.point.variation import parse_vary, variation
    from pipeline.recipes.point import PointRecipe

    check_source(file, series)
    given = named_recipe(recipe, configuration().places)
    if not isinstance(given, PointRecipe):
        raise InputError(f"{given.name} is no point recipe; `coincast recipes list` shows which are.")
    for name, values in parse_vary(vary).items():
        for value in values:
            variation(given, {name: value})
    if sampler not in ("grid", "tpe"):
        raise InputError(f"--sampler is grid or tpe; got {sampler[:20]!r}.")
    day = parse_date(as_of, option="--as-of") if as_of else None
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
        )
        result = sweep_flow(request)
    if as_json:
        print_json(result)
    elif not quiet:
        print_sweep(result)
    if result.get("failed"):
        raise typer.Exit(1)


def print_sweep(result: dict[str, Any]) -> None:
    """Every trial, best first, then what the test rows say of the chosen and the given recipe."""
    from pipeline.scores.metrics import SKILL

    names, score = list(result["vary"]), f"validation_{SKILL.name}"
    ranked = sorted(result["trials"], key=lambda trial: -_sortable(trial[score]))
    validation = result["validation"]
    title = f"{result['recipe']} on {result['series']}, {validation['days']} validation days from {validation['first']}"
    rows = [
        [
            *(trial["settings"][name] for name in names),
            _unscored(trial) if trial[score] is None else f"{trial[score]:+.3f}",
        ]
        for trial in ranked
    ]
    print_table(title, (*names, "skill on validation"), rows)
    for judged in result["judged"]:
        settings = ", ".join(f"{name} {value}" for name, value in judged["settings"].items()) or "as it is"
        skill = _skill(judged["metrics"].get(SKILL.name))
        typer.echo(
            f"  {judged['role']} ({settings}): test skill {skill}, {judged['verdict']}; {judged['setting']}."
        )
    print_ending(result)


def _unscored(trial: dict[str, Any]) -> str:
    return "failed" if trial["failure"] else "–"


def _skill(value: float | None) -> str:
    """A skill is not defined where the price stood still."""
    return "–" if value is None else f"{value:+.3f}"


def _sortable(score: float | None) -> float:
    return float("-inf") if score is None else score
