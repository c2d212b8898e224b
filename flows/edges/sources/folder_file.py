"""One file of a folder, taken as one over HTTP is."""

import os
from pathlib import Path
from typing import BinaryIO

from flows.edges.http.http_file import Answer, Progress
from pipeline.errors import SourceError, UnknownSeriesError


def copy_file(path: Path, into: BinaryIO, *, limit: int, on_progress: Progress | None) -> Answer:
    """Write a file's bytes, whole or not at all.

    Args:
        path: The file.
        into: Empty file; what it holds after an error is not to be used.
        limit: Most bytes that are taken.
        on_progress: Called once, with the bytes so far and in all.

    Raises:
        UnknownSeriesError: The folder does not have the file.
        SourceError: It cannot be read, is larger than the limit, or was being written.
        OSError: `into` could not be written.
    """
    content = _content(path, limit)
    into.write(content)
    if on_progress is not None:
        on_progress(len(content), len(content))
    return Answer(unchanged=False)


def require_folder(path: Path) -> None:
    """Refuse what is no folder.

    Raises:
        SourceError: It is none.
    """
    if not path.is_dir():
        raise SourceError(f"{path} is not a folder. Give --source a URL, or a folder of CSV files.")


def _content(path: Path, limit: int) -> bytes:
    require_folder(path.parent)
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            content = file.read(limit + 1)
            after = os.fstat(file.fileno())
    except FileNotFoundError:
        raise UnknownSeriesError(f"The source has no {path}. Check exchange, symbol and --source.") from None
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}. Check the file and its rights."
        ) from error
    if len(content) > limit:
        raise SourceError(
            f"{path} is larger than the limit of {limit / 2**20:.0f} MiB. If that is right, raise download_limit_mb."
        )
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceError(f"{path} was written to while it was read. Run again when it is complete.")
    return content
