"""The bytes of snapshots, each in a compressed file named by its sha256: `objects/3f/3fa4….csv.gz`."""

import gzip
import hashlib
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Literal

from flows.edges.files.file_store import is_local, open_file_store, refusals_named
from flows.edges.files.staging import put_in_place, staged_file, sweep
from pipeline.addresses.address import Address

State = Literal["whole", "damaged", "missing"]
_OBJECTS: Final = "objects"
_STAGING: Final = ".staging"
_SUFFIX: Final = ".csv.gz"
_NAME: Final = re.compile(r"[0-9a-f]{64}\.csv\.gz")
# What gzip raises on damaged bytes.
_NOT_GZIP: Final = (gzip.BadGzipFile, EOFError, zlib.error)


class SnapshotObjects:
    """Content-addressed files in a folder or an object store.

    Args:
        url: Folder or fsspec URL, as `/srv/coincast/snapshots` or `s3://bucket/snapshots`.

    Raises:
        SettingsError: No such kind of URL.
    """

    def __init__(self, url: Address | str) -> None:
        self.url = Address(url)
        self._store, self._root = open_file_store(url)
        self._folder = Path(self._root) if is_local(self._store) else None

    @contextmanager
    def staged(self) -> Iterator[BinaryIO]:
        """A temporary file, on the objects' own disk where they are local; it is gone after the block.

        What killed processes left there is removed first.

        Raises:
            DiskFullError: There is no room.
            StoreError: The folder cannot be written.
        """
        with ExitStack() as stack:
            with refusals_named(self.url):
                file = stack.enter_context(self._staging())
            yield file

    def put(self, sha256: str, content: bytes) -> None:
        """Keep bytes under their sha256; a whole file is left alone, a damaged one replaced.

        Raises:
            DiskFullError: There is no room; nothing changed.
            StoreError: The place refused; nothing changed.
        """
        if self.examine(sha256)[1] == "whole":
            return
        # No time and no name in the header: the same bytes make the same file.
        packed = gzip.compress(content, compresslevel=6, mtime=0)
        with refusals_named(self.url):
            if self._folder is None:
                self._store.pipe_file(self.path(sha256), packed)
                return
            with self._staging() as file:
                file.write(packed)
                put_in_place(file, Path(self.path(sha256)))

    def examine(self, sha256: str) -> tuple[bytes, State]:
        """Bytes as they were put, and their state; empty where they are not whole.

        Raises:
            StoreError: The place refused.
        """
        with refusals_named(self.url):
            try:
                packed = self._store.cat_file(self.path(sha256))
            except FileNotFoundError:
                return b"", "missing"
        try:
            content = gzip.decompress(packed)
        except _NOT_GZIP:
            return b"", "damaged"
        return (content, "whole") if hashlib.sha256(content).hexdigest() == sha256 else (b"", "damaged")

    def names(self) -> dict[str, int]:
        """sha256 of every file → its compressed size in bytes.

        Raises:
            StoreError: The place refused.
        """
        with refusals_named(self.url):
            self._store.invalidate_cache()
            found = self._store.find(f"{self._root}/{_OBJECTS}", detail=True)
        sizes = {PurePosixPath(path).name: int(about["size"]) for path, about in found.items()}
        return {name.removesuffix(_SUFFIX): size for name, size in sizes.items() if _NAME.fullmatch(name)}

    def written_at(self, sha256: str) -> datetime:
        """When the file was written, by its file system's clock.

        Raises:
            StoreError: The place refused.
        """
        with refusals_named(self.url):
            written: datetime = self._store.modified(self.path(sha256))
        return written.replace(tzinfo=UTC) if written.tzinfo is None else written

    def remove(self, sha256: str) -> None:
        """Remove a file that is there.

        Raises:
            StoreError: The place refused.
        """
        with refusals_named(self.url):
            self._store.rm_file(self.path(sha256))

    def path(self, sha256: str) -> str:
        """Where the file lies, without the URL's protocol."""
        return f"{self._root}/{_OBJECTS}/{sha256[:2]}/{sha256}{_SUFFIX}"

    def _staging(self) -> AbstractContextManager[BinaryIO]:
        if self._folder is None:
            return _temporary_file()
        folder = self._folder / _STAGING
        sweep(folder)
        return staged_file(folder)


@contextmanager
def _temporary_file() -> Iterator[BinaryIO]:
    with tempfile.TemporaryDirectory(prefix="coincast-") as folder, staged_file(Path(folder)) as file:
        yield file
