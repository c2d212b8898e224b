"""Artifacts of a run in the Prefect UI: tables of plain finite values, notes, links, and bars of long work.

What cannot be shown, because the server is away or refuses or what is stored is damaged, is said in the log and
fails nothing. Outside of a flow nothing is shown: the stages are plain functions and may run without a server.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from flows.edges.machine.prefect_settings import tried_once
from flows.edges.words import one_line
from flows.reporting.flow_run import within_flow
from flows.reporting.progress import log

_BETWEEN_S: Final = 2.0


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """A table.

    Args:
        key: Of lower-case letters, digits and dashes; the newest artifact of a key is the one that is shown.
        rows: Of texts, integers and finite floats.
        description: Markdown above it.
    """
    if within_flow():
        with unfailing():
            create_table_artifact(table=[dict(row) for row in rows], key=key, description=description)


def show_note(key: str, text: str, description: str) -> None:
    """A text in Markdown."""
    if within_flow():
        with unfailing():
            create_markdown_artifact(text, key=key, description=description)


def show_link(key: str, place: str, text: str) -> None:
    """The way to a page: a URL as it is, a file as one."""
    if within_flow():
        with unfailing():
            address = place if "://" in place else Path(place).absolute().as_uri()
            create_link_artifact(link=address, link_text=text, key=key)


@contextmanager
def shown_progress(key: str, description: str) -> Iterator[Callable[[float, float], None]]:
    """A bar in the Prefect UI for as long as the body takes; full when it ends well.

    A write every two seconds at most, each tried once, and none after one that failed: what cannot be watched goes
    on, and is not held up.

    Args:
        key: Of lower-case letters, digits and dashes.
        description: What goes on.

    Yields:
        To be called with what is done and what there is to do.

    Example:
        with shown_progress("backfill-7", "binance/BTCUSDT/1d, 365 days") as show:
            for number, unit in enumerate(units, start=1):
                work(unit)
                show(number, len(units))
    """
    bar = _Bar(key, description)
    yield bar.show
    bar.write(100.0)


class _Bar:
    """A progress artifact; none outside of a flow, and none any more once the server did not take a write."""

    def __init__(self, key: str, description: str) -> None:
        self._id: UUID | None = None
        self._written = time.monotonic()
        with unfailing(), tried_once():
            if within_flow():
                self._id = cast(UUID, create_progress_artifact(0.0, key=key, description=description))

    def show(self, done: float, total: float) -> None:
        """So much of so much is done; written if the last write is old enough."""
        if time.monotonic() - self._written >= _BETWEEN_S:
            self.write(100 * min(done / total, 1.0) if total > 0 else 0.0)

    def write(self, percent: float) -> None:
        """Write it now."""
        bar, self._id = self._id, None
        if bar is None:
            return
        with unfailing(), tried_once():
            update_progress_artifact(bar, progress=percent)
            self._id = bar
        self._written = time.monotonic()


@contextmanager
def unfailing() -> Iterator[None]:
    """Whatever keeps something from being shown must not fail the work that is shown."""
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        log.warning("The Prefect UI does not show this: %s", one_line(error, limit=200))
    except Exception:  # noqa: BLE001 - rows that cannot be made of what is stored: the work itself is done
        log.exception("The Prefect UI does not show this")
