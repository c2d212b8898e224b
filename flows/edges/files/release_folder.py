"""A folder that changes as a whole: releases beside each other, and one link that says which is read.

    site/index.html            -> .releases/current/index.html     (a link for each top-level name, made once)
    site/hub                   -> .releases/current/hub
    site/.releases/current     -> 4f1c…                            (replaced atomically: the switch)
    site/.releases/4f1c…/…        every file of one publication

A release gets its name when it is complete, and the switch is one rename, so a process killed at any point
leaves either the old publication or the new one, never a mixture. Files that did not change are hard links.
"""

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from flows.edges.private_files import PUBLIC_FILE, make_public_folder
from pipeline.errors import PublishError

RELEASES: Final = ".releases"
_CURRENT: Final = "current"
_STAGING: Final = ".staging"
_REMOVING: Final = ".removing"
_SWITCH: Final = ".switch"
_LOCK_TIMEOUT_S: Final = 60.0


class ReleaseFolder:
    """The publication in one local folder.

    Args:
        root: The folder that readers open.
        keep: Releases kept, the current one included; a reader in the middle of an older one is not cut off.
    """

    def __init__(self, root: Path, *, keep: int) -> None:
        self.root = root
        self._releases = root / RELEASES
        self._keep = keep

    @property
    def release(self) -> str:
        """Name of the release that is read; empty before the first."""
        current = self._releases / _CURRENT
        return current.readlink().name if current.is_dir() else ""

    def read(self, paths: Collection[str]) -> dict[str, bytes]:
        """Published bytes of those paths that are published, all of one release."""
        if not self.release:
            return {}
        release = self._releases / self.release
        return {path: (release / path).read_bytes() for path in paths if (release / path).is_file()}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other publishers out; what a killed one left behind is swept away first.

        Raises:
            PublishError: Another run has been publishing here for a minute.
        """
        make_public_folder(self._releases)
        try:
            with FileLock(self._releases / "lock", timeout=_LOCK_TIMEOUT_S):
                self._sweep()
                yield
        except Timeout:
            raise PublishError(
                f"Another run has been publishing to {self.root} for {_LOCK_TIMEOUT_S:.0f} s; "
                "publish again when it is done."
            ) from None

    def switch(self, changed: Mapping[str, bytes]) -> str:
        """Make a release of the published files and the changed ones, and let readers see it.

        Returns:
            The release's name.

        Raises:
            PublishError: A top-level name is taken by a file that is not part of the publication.
            OSError: The file system refused; the previous release is still the one that is read.
        """
        release = self._next_release(changed)
        names = {path.partition("/")[0] for path in changed}
        self._refuse_foreign(names)
        # Killed between naming and switching: the release of that name is complete.
        if not (self._releases / release).is_dir():
            self._stage(changed).rename(self._releases / release)
        self.link(names)
        temporary = self._releases / _SWITCH
        temporary.symlink_to(release)
        temporary.replace(self._releases / _CURRENT)
        _flush_folder(self._releases)
        with suppress(OSError):  # the publication stands; what could not be removed is tried again next time
            self._prune()
        return release

    def link(self, names: Collection[str]) -> None:
        """Make the top-level links that are missing.

        They come before the switch: until then a new name points at nothing, like a file that is not there.

        Raises:
            PublishError: A name is taken by a file that is not part of the publication.
        """
        self._refuse_foreign(names)
        for name in sorted(names):
            if not (self.root / name).is_symlink():
                (self.root / name).symlink_to(_link_of(name))

    def _next_release(self, changed: Mapping[str, bytes]) -> str:
        """A name that follows from the current release and what changes."""
        digest = sha256(self.release.encode())
        for path in sorted(changed):
            digest.update(f"\n{path}\n{sha256(changed[path]).hexdigest()}".encode())
        return digest.hexdigest()[:16]

    def _stage(self, changed: Mapping[str, bytes]) -> Path:
        staging = self._releases / _STAGING
        try:
            make_public_folder(staging)
            if self.release:
                _link_tree(self._releases / self.release, staging, leave_out=changed)
            for path, content in changed.items():
                _write(staging / path, content)
            for folder, _, _ in os.walk(staging):
                _flush_folder(Path(folder))
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        return staging

    def foreign(self, names: Collection[str]) -> dict[str, str]:
        """Top-level names that somebody else's file has, each with why it is refused."""
        paths = {name: self.root / name for name in sorted(names)}
        return {
            name: f"{path} was not published by coincast and would be replaced; "
            "move it away or publish to another folder."
            for name, path in paths.items()
            if os.path.lexists(path) and not (path.is_symlink() and path.readlink() == _link_of(name))
        }

    def _refuse_foreign(self, names: Collection[str]) -> None:
        for refusal in self.foreign(names).values():
            raise PublishError(refusal)

    def _prune(self) -> None:
        """Remove all but the newest releases, renamed first: no half of one ever carries a release's name."""
        older = [
            folder
            for folder in self._releases.iterdir()
            if folder.is_dir() and not folder.is_symlink() and folder.name != self.release
        ]
        older.sort(key=lambda folder: folder.stat().st_mtime_ns, reverse=True)
        for folder in older[max(self._keep - 1, 0) :]:
            removing = folder.rename(self._releases / f"{_REMOVING}-{folder.name}")
            shutil.rmtree(removing)

    def _sweep(self) -> None:
        for left in list(self._releases.iterdir()):
            if left.name == _SWITCH:
                left.unlink()
            elif left.name.startswith((_STAGING, _REMOVING)):
                shutil.rmtree(left)


def _link_of(name: str) -> Path:
    return Path(RELEASES, _CURRENT, name)


def _link_tree(source: Path, target: Path, *, leave_out: Collection[str]) -> None:
    """Give a release's files, but for those left out, to another folder as hard links."""
    for folder, _, names in os.walk(source):
        relative = Path(folder).relative_to(source)
        make_public_folder(target / relative)
        for name in names:
            if (relative / name).as_posix() not in leave_out:
                _link_or_copy(Path(folder, name), target / relative / name)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Not every file system has hard links; a copy that fails too says why.
        shutil.copy2(source, target)


def _write(path: Path, content: bytes) -> None:
    make_public_folder(path.parent)
    with path.open("wb") as file:
        os.fchmod(file.fileno(), PUBLIC_FILE)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
