"""Folders and object stores by their fsspec URL."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote

from flows.edges.credentials import full_address
from flows.edges.words import one_line
from pipeline.addresses.address import Address
from pipeline.errors import CoincastError, DiskFullError, SettingsError, StoreError

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 10,
            "read_timeout": 60,
            "retries": {"max_attempts": 3, "mode": "standard"},
        }
    }
}


def open_file_store(address: Address | str) -> tuple[Any, str]:
    """The file system of a URL, and the path inside it.

    Raises:
        SettingsError: No such kind of URL.
        StoreError: It is a server that does not let us in.
    """
    with refusals_named(Address(address)):
        return file_system(Address(address), task="keep files at")


def file_system(address: Address, *, task: str) -> tuple[Any, str]:
    """As `open_file_store`, with the refusals of a server as its library has them.

    Args:
        address: Folder or fsspec URL.
        task: What the error says that cannot be done to it.

    Raises:
        SettingsError: No such kind of URL.
    """
    from fsspec.dircache import DirCache

    url = full_address(address)
    try:
        store, root = connect(url)
    except (ValueError, ImportError) as error:
        raise SettingsError(
            f"Cannot {task} {str(address)[:120]!r}: {one_line(error, limit=160)}. Give a folder, or an s3:// URL."
        ) from error
    refuse_misspelt(store, Address(url))
    # What another machine writes is in no listing that was kept here.
    store.dircache = DirCache(use_listings_cache=False)
    return store, root.rstrip("/")


def connect(url: str) -> tuple[Any, str]:
    """The file system of a full URL, and the path inside it; nothing is explained that fails.

    A login in an `s3://` address is an access key and its secret: fsspec takes it for the bucket's name.
    """
    from fsspec.core import split_protocol, url_to_fs

    protocol = split_protocol(url)[0] or "file"
    options = dict(_OPTIONS.get(protocol, {}))
    authority, slash, path = url.removeprefix("s3://").partition("/")
    login, at, bucket = authority.rpartition("@")
    if protocol == "s3" and at:
        key, _, secret = login.partition(":")
        options |= {"key": unquote(key), "secret": unquote(secret)}
        url = f"s3://{bucket}{slash}{path}"
    store, root = url_to_fs(url, **options)
    return store, root


def refuse_misspelt(store: Any, address: Address) -> None:
    """Refuse a URL that was taken for a folder: its login would become the folder's name.

    Raises:
        SettingsError: It is one.
    """
    if is_local(store) and address != Address(str(address)):
        raise SettingsError(
            f"{str(address)[:120]!r} is neither a folder nor a URL: write it as in s3://bucket/x."
        )


def is_local(store: Any) -> bool:
    """Whether the file system is this machine's own."""
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(store, LocalFileSystem)


@contextmanager
def refusals_named(url: Address) -> Iterator[None]:
    """Every refusal as an error of ours: object stores raise exceptions of several libraries.

    Args:
        url: Who refuses.

    Raises:
        DiskFullError: There is no room.
        StoreError: Anything else was refused.
    """
    try:
        yield
    except CoincastError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise DiskFullError(
                f"No room left in {url}: free some space and run again; nothing was lost."
            ) from error
        raise StoreError(
            f"{url} refused ({one_line(error, limit=160)}). Check that it can be reached, and your rights on it."
        ) from error
