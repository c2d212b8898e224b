"""Half-written files that no reader sees and no killed process leaves for long."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

_SUFFIX: Final = ".part"


@contextmanager
def staged_file(folder: Path) -> Iterator[BinaryIO]:
    """A new file to write to and then rename; it is removed where it was not renamed.

    It is locked while it is open: the lock ends with its process, so what is not locked was left by a killed one.

    Yields:
        The open file; its `name` is its path.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = _create(folder)
    try:
        yield file
    finally:
        # Removed while it is locked: nobody can mistake a later file of that name for it.
        Path(file.name).unlink(missing_ok=True)
        file.close()


def sweep(folder: Path) -> None:
    """Remove what killed processes left in the folder."""
    for path in folder.glob(f"*{_SUFFIX}"):
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def put_in_place(file: BinaryIO, target: Path) -> None:
    """Give a staged file its name, at once and for good: not even a power cut shows half of it.

    Raises:
        OSError: The file system refused; what was at `target` is still there.
    """
    file.flush()
    os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    Path(file.name).replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(folder: Path) -> BinaryIO:
    while True:
        file = (folder / f"{uuid.uuid4().hex}{_SUFFIX}").open("xb+")
        fcntl.flock(file, fcntl.LOCK_EX)
        # A sweep may have come between creating and locking.
        if Path(file.name).exists():
            return file
        file.close()
