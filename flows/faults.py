"""What the machine does wrong, said as an error of ours."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipeline.errors import DiskFullError, StoreError

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
