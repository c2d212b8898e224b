"""What goes wrong: the machine's faults as errors of ours, and one series' failure kept from the others."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from flows.edges.words import one_line
from flows.reporting.progress import log
from pipeline.errors import CoincastError, DiskFullError, RunError, StoreError

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def explained() -> Iterator[None]:
    """Turn a full disk and an unwritable file into one line that says what to do.

    Raises:
        DiskFullError: There is no room left.
        StoreError: A file cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or "the state folder"
        if error.errno in _NO_ROOM:
            raise DiskFullError(
                f"No room left to write {where}: free some space and run again; nothing is lost."
            ) from error
        if isinstance(error, PermissionError):
            raise StoreError(
                f"{where} cannot be written: {error.strerror}; check its owner and rights."
            ) from error
        raise


class SeriesFailedError(RunError):
    """Some series of several failed; the others are done.

    Attributes:
        outcomes: Of those that are done.
        failures: One line for each that failed, by series.
    """

    def __init__(self, outcomes: Sequence[Any], failures: Mapping[str, str]) -> None:
        named = "; ".join(f"{series}: {message}" for series, message in failures.items())
        super().__init__(f"{len(failures)} of {len(failures) + len(outcomes)} series failed. {named}")
        self.outcomes = tuple(outcomes)
        self.failures = dict(failures)


@contextmanager
def kept(failures: dict[str, CoincastError], name: str) -> Iterator[None]:
    """Whatever fails in the body is logged and kept under a name; who comes next is not stopped by it.

    What failed first under a name stays: what follows from it is in the log.
    """
    try:
        with explained():
            yield
    except CoincastError as error:
        log.error("%s: %s", name, error)
        failures.setdefault(name, error)
    except Exception as error:  # noqa: BLE001 - a fault of ours, or a task past its limit, is one series' too
        log.exception("%s", name)
        failures.setdefault(
            name, RunError(f"{type(error).__name__}: {one_line(error)}; the log tells where.")
        )


def raise_failures(outcomes: Sequence[Any], failures: Mapping[str, CoincastError]) -> None:
    """End a run over several series.

    Raises:
        CoincastError: The only thing that was asked for failed.
        SeriesFailedError: Some of several failed.
    """
    if len(failures) == 1 and not outcomes:
        raise next(iter(failures.values()))
    if failures:
        raise SeriesFailedError(outcomes, {name: str(error) for name, error in failures.items()})
