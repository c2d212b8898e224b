"""State is its owner's alone, and a publication is everybody's: the modes of files and folders."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

PUBLIC_FILE: Final = 0o644
PUBLIC_FOLDER: Final = 0o755
_CLOSED: Final = 0o700
_PASSABLE: Final = 0o711
_OTHERS: Final = 0o077
_OURS: Final = ("coincast.db*", "snapshots", "run", "locks", "backtests", "reports", "demo")
_usual: list[int] = []


def keep_files_private() -> None:
    """From now on in this process, and in those that it starts, new files and folders are their owner's alone."""
    before = os.umask(_OTHERS)
    if not _usual:
        _usual.append(before)


def give_usual_mode(file: Path) -> None:
    """Let a file that somebody asked for by name have the rights that their shell gives to new files."""
    if _usual:
        file.chmod(0o666 & ~_usual[0])


def make_public_folder(folder: Path) -> None:
    """Make a folder that everybody may read, and those above it that are missing.

    Raises:
        OSError: The file system refused.
    """
    if folder.is_dir():
        return
    make_public_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(PUBLIC_FOLDER)


def protect_home(home: Path, *, public: Path) -> None:
    """Make the state folder, or close what an earlier version left open in it; a folder of somebody else stays.

    Args:
        home: Nobody else may list it; where the publication lies in it, everybody may pass through.
        public: The publication.

    Raises:
        OSError: The folder cannot be made.
    """
    mode = _PASSABLE if home in public.parents else _CLOSED
    if not home.is_dir():
        make_public_folder(home.parent)
        home.mkdir(exist_ok=True)
        home.chmod(mode)
        return
    ours = [path for name in _OURS for path in home.glob(name) if path != public]
    # A folder without state is not known to be ours, whatever the settings say.
    if ours and home.stat().st_uid == os.geteuid() and not home.stat().st_mode & stat.S_ISVTX:
        home.chmod(mode)
        for path in ours:
            close(path)


def close(path: Path) -> None:
    """Take everybody else's rights on a file, or on a folder and so on all in it; nothing where there is none."""
    # What belongs to somebody else is theirs to close.
    with suppress(FileNotFoundError, PermissionError):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & _OTHERS and not path.is_symlink():
            path.chmod(mode & ~_OTHERS)
