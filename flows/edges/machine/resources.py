"""The machine: free disk, and the packages that are installed beside those that are asked for."""

import re
import shutil
import socket
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from flows.edges.configuration import PROJECT

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def required_packages() -> tuple[str, ...]:
    """Requirements of coincast: of the checkout's pyproject.toml, or where it was installed without, its own."""
    path = PROJECT / "pyproject.toml"
    if path.is_file():
        return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"])
    return tuple(requires("coincast") or ())


def installed_versions(requirements: tuple[str, ...]) -> dict[str, str]:
    """Version of each required package that is installed, by its name."""
    found: dict[str, str] = {}
    for requirement in requirements:
        match = _NAME.match(requirement)
        name = match.group() if match else requirement
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def free_bytes(folder: Path) -> int:
    """Bytes left on the disk that `folder` is on, or will be made on."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def host_name() -> str:
    """What this machine calls itself; the resolver is not asked."""
    return socket.gethostname()
