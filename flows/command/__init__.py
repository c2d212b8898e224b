"""The `coincast` command. Modules here import nothing heavy at the top: `--help` answers at once."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from flows.edges.machine.private_logging import keep_logs_public
from flows.edges.private_files import keep_files_private
from pipeline.errors import CoincastError, ServiceError

# When the command began, on the clock of `time.perf_counter`.
BEGUN: Final = time.perf_counter()


class _PublicGroup(TyperGroup):
    """What the command says of its own use repeats arguments without their credentials."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        self._arguments = tuple(sys.argv[1:] if args is None else args)
        return super().main(args, *rest, **more)

    def make_context(self, *given: Any, **more: Any) -> Any:
        with self._public():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        with self._public():
            return super().invoke(ctx)

    @contextmanager
    def _public(self) -> Iterator[None]:
        try:
            yield
        except TyperException as error:
            from flows.edges.words import without_arguments

            if isinstance(said := getattr(error, "message", None), str):
                error.message = without_arguments(said, self._arguments)  # type: ignore[attr-defined]
            raise


app: Final = typer.Typer(
    name="coincast",
    cls=_PublicGroup,
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
from flows.command import (  # noqa: E402, F401
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
    keep_files_private()
    keep_logs_public()
    try:
        app()
    except CoincastError as error:
        _end(error)
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


def _end(error: CoincastError) -> NoReturn:
    from flows.edges.words import without_arguments

    print(f"coincast: {without_arguments(str(error), sys.argv[1:])}", file=sys.stderr)  # noqa: T201
    sys.exit(error.exit_code)
