"""The `coincast` command. Modules here import nothing heavy at the top: `--help` answers at once."""

import sys
from typing import Final

import typer

from pipeline.errors import CoincastError

app: Final = typer.Typer(
    name="coincast",
    help="Daily forecasts of crypto price ranges: point-in-time, reproducible, scored in the open.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _coincast() -> None:
    """Daily forecasts of crypto price ranges: point-in-time, reproducible, scored in the open."""


# Importing a module registers its verbs on `app`; the order is the order of the help page.
from flows.command import (  # noqa: E402, F401  # noqa: E402, F401
    backfill,
    backtest,
    compare,
    daily,
    demo,
    doctor,
    forecast,
    hub,
    inspect,
    leak_check,
    models,
    recipes,
    reproduce,
    revisions,
    runs,
    scorecard,
    settings,
    snapshots,
    sweep,
    train,
    up,
)


def main() -> None:
    """Run the command: an expected error is one line on standard error and its exit code."""
    try:
        app()
    except CoincastError as error:
        print(f"coincast: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
