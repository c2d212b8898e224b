"""The `coincast` command. Modules here import nothing heavy at the top: `--help` answers at once."""

import os
import sys
import time
from contextlib import suppress
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.exceptions import TyperException

from flows.edges.machine.private_logging import keep_logs_public
from flows.edges.private_files import keep_files_private
from pipeline.errors import CoincastError, ServiceError

# When the command began, on the clock of `time.perf_counter`.
BEGUN: Final = time.perf_counter()


app: Final = typer.Typer(
    name="coincast",
    help="Daily forecasts of crypto price ranges: point-in-time, reproducible, scored in the open.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from flows.edges.machine.versions import code_version

        typer.echo(f"coincast {code_version()}")
        raise typer.Exit


@app.callback()
def _coincast(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show which coincast this is."),
    ] = False,
) -> None:
    """Daily forecasts of crypto price ranges: point-in-time, reproducible, scored in the open."""


# Importing a module registers its verbs on `app`; the order is the order of the help page.
from flows.command import (  # noqa: E402, F401
    alarms,
    backfill,
    backtest,
    compare,
    daily,
    demo,
    doctor,
    export,
    forecast,
    hub,
    inspect,
    leak_check,
    models,
    recipes,
    reproduce,
    retention,
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
    keep_files_private()
    keep_logs_public()
    try:
        if api := os.environ.get("PREFECT_API_URL"):
            _give_credentials(api)
        sys.exit(app(standalone_mode=False) or 0)
    except CoincastError as error:
        _end(error)
    except TyperException as error:
        _end_usage(error)
    except typer.Abort:
        sys.exit(1)
    except OSError as error:
        _end_without_room(error)
        raise
    except RuntimeError as error:
        # Prefect has no class for a server that does not answer.
        said, _, address = str(error).partition(" at ")
        if said != "Failed to reach API":
            raise
        _end(
            ServiceError(
                f"No Prefect server answers at {address.rstrip('/')}: start it, or unset"
                " PREFECT_API_URL for a server that lives as long as the command."
            )
        )


def _end_without_room(error: OSError) -> None:
    """A full disk and an unwritable file are told, wherever they were met."""
    from flows.inputs.failures import explained

    try:
        with explained():
            raise error
    except CoincastError as told:
        _end(told)
    except OSError:
        return


def _give_credentials(api: str) -> None:
    """The password of the server of `coincast up`, where that is the one in force."""
    from flows.edges.configuration import configuration
    from flows.edges.machine.background import RunFolder

    # What cannot be read is told by the command that needs it.
    with suppress(CoincastError):
        RunFolder(configuration().places.home).give_credentials(api.rstrip("/"))


def _end_usage(error: Any) -> NoReturn:
    """Words that the command line has no place for, in one line; without any the help is shown."""
    from flows.command.json_lines import print_error
    from flows.edges.words import without_arguments

    said = without_arguments(str(error.format_message()), sys.argv[1:])
    if "\n" in said:
        error.show()
    else:
        command = f"`{error.ctx.command_path} --help`" if error.ctx else "`coincast --help`"
        print_error(f"{said.rstrip('.')}; {command} tells what there is.", file=sys.stderr)
    sys.exit(error.exit_code)


def _end(error: CoincastError) -> NoReturn:
    from flows.command.json_lines import print_error
    from flows.edges.words import without_arguments

    print_error(without_arguments(str(error), sys.argv[1:]), file=sys.stderr)
    sys.exit(error.exit_code)
