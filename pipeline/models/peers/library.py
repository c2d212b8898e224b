"""The libraries of peers: an extra that is imported when a peer is fitted, and never otherwise."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from pipeline.errors import InputError


def require_library(name: str) -> None:
    """Refuse a peer whose library is not installed.

    Raises:
        InputError: It is not.
    """
    if find_spec(name) is None:
        raise InputError(
            f"{name} is not installed, which this peer is fitted by; install coincast[peers], best in an environment of"
            " its own."
        )


def peer_library(module: str) -> ModuleType:
    """The module of a peer's library.

    Raises:
        InputError: The library is not installed, or lacks something that it needs itself.
    """
    name = module.partition(".")[0]
    require_library(name)
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"{name} is installed and cannot be imported ({str(error)[:120]}); install coincast[peers] as a whole, best"
            " in an environment of its own."
        ) from error
